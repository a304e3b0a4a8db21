internal import OmegaEngine
internal import OmegaLinux

extension MessageQueue {
  // MARK: Receiving

  /// Receives the message that is selected, waiting until there is one. **Blocks.** Needs permission
  /// to read.
  ///
  /// - Parameters:
  ///   - selection: Which message.
  ///   - byteCount: The most bytes to take; nil stands for ``Namespace/Limits/messageBytes``.
  ///   - longer: What becomes of a message that has more.
  ///
  /// - Returns: The message.
  /// - Throws: EINVAL when there is no such queue, and for a type below 1; EACCES without permission
  ///   to read, E2BIG when the message is longer, EIDRM when the queue is removed meanwhile, EINTR
  ///   after a signal handler ran, ENOMEM.
  ///
  /// The corresponding C function is `msgrcv`.
  public func receive(
    _ selection: MessageSelection = .first, atMost byteCount: Int? = nil,
    longer: LongMessage = .refuse
  ) throws(IPCError) -> Message {
    let (header, bytes) = receiveBytes(selection, byteCount, longer, flags: 0)
    if header.result < 0 { throw failure(.receive, header.errno) }
    return Message(type: Int(header.type), bytes: bytes)
  }

  /// As ``receive(_:atMost:longer:)``, but returns nil when there is no such message. Never waits.
  ///
  /// The corresponding C function is `msgrcv` with `IPC_NOWAIT`.
  public func tryReceive(
    _ selection: MessageSelection = .first, atMost byteCount: Int? = nil,
    longer: LongMessage = .refuse
  ) throws(IPCError) -> Message? {
    let (header, bytes) = receiveBytes(selection, byteCount, longer, flags: Flag.noWait)
    if header.result == MessageQueue.none { return nil }
    if header.result < 0 { throw failure(.receive, header.errno) }
    return Message(type: Int(header.type), bytes: bytes)
  }

  /// Receives a message into memory, waiting until there is one. **Blocks.** Needs permission to read.
  ///
  /// - Parameters:
  ///   - selection: Which message.
  ///   - buffer: Gets the bytes from its start on; what is behind them stays.
  ///   - longer: What becomes of a message that has more bytes.
  ///
  /// - Returns: The message's type, and how many bytes the buffer got.
  /// - Throws: as ``receive(_:atMost:longer:)``.
  ///
  /// The corresponding C function is `msgrcv`.
  @inlinable
  public func receive(
    _ selection: MessageSelection = .first, into buffer: inout MutableSpan<UInt8>,
    longer: LongMessage = .refuse
  ) throws(IPCError) -> MessageHeader {
    let (result, type) = receive(selection, &buffer, longer, flags: 0)
    if result < 0 { try fail(.receive, Int32(truncatingIfNeeded: result)) }
    return MessageHeader(type: type, byteCount: result)
  }

  /// As ``receive(_:into:longer:)``, but returns nil when there is no such message. Never waits.
  ///
  /// The corresponding C function is `msgrcv` with `IPC_NOWAIT`.
  @inlinable
  public func tryReceive(
    _ selection: MessageSelection = .first, into buffer: inout MutableSpan<UInt8>,
    longer: LongMessage = .refuse
  ) throws(IPCError) -> MessageHeader? {
    let (result, type) = receive(selection, &buffer, longer, flags: MessageQueue.noWait)
    if result == MessageQueue.none { return nil }
    if result < 0 { try fail(.receive, Int32(truncatingIfNeeded: result)) }
    return MessageHeader(type: type, byteCount: result)
  }

  /// A copy of the message at a position of the queue, 0 for the oldest; nil when there are not as
  /// many. The message stays, and nothing of the queue's status changes. Never waits; needs permission
  /// to read.
  ///
  /// - Throws: as ``receive(_:atMost:longer:)``, except EINTR. A longer message cannot be cut here.
  ///
  /// The corresponding C function is `msgrcv` with `MSG_COPY | IPC_NOWAIT`.
  public func peek(
    at position: Int = 0, atMost byteCount: Int? = nil
  ) throws(IPCError) -> Message? {
    guard byteCount ?? 0 >= 0 else { throw failure(.peek, Errno.invalid.rawValue) }
    let (header, bytes) = namespace.host.receiveBytes(
      identifier, atMost: byteCount ?? namespace.host.limits.messageBytes, type: position,
      flags: Flag.noWait | ReceiveFlag.copy)
    if header.result == MessageQueue.none { return nil }
    if header.result < 0 { throw failure(.peek, header.errno) }
    return Message(type: Int(header.type), bytes: bytes)
  }

  /// What tells that there is no message.
  @usableFromInline static var none: Int { -Int(Errno.noMessage.rawValue) }

  private func receiveBytes(
    _ selection: MessageSelection, _ byteCount: Int?, _ longer: LongMessage, flags: Int32
  ) -> (message: ReceivedMessage, bytes: [UInt8]) {
    guard let wanted = selection.arguments, byteCount ?? 0 >= 0 else { return (.invalid, []) }
    return namespace.host.receiveBytes(
      identifier, atMost: byteCount ?? namespace.host.limits.messageBytes, type: wanted.type,
      flags: flags | wanted.flags | longer.flag)
  }

  /// The number of bytes or a negative errno, and the type.
  @usableFromInline
  func receive(
    _ selection: MessageSelection, _ buffer: inout MutableSpan<UInt8>, _ longer: LongMessage,
    flags: Int32
  ) -> (Int, Int) {
    guard let wanted = selection.arguments else { return (ReceivedMessage.invalid.result, 0) }
    let received = namespace.host.receive(
      identifier, into: &buffer, type: wanted.type, flags: flags | wanted.flags | longer.flag)
    return (received.result, Int(received.type))
  }
}

extension LongMessage {
  var flag: Int32 { self == .cut ? ReceiveFlag.cuts : 0 }
}

extension ReceivedMessage {
  static var invalid: ReceivedMessage {
    ReceivedMessage(result: -Int(OmegaEngine.Errno.invalid.rawValue), type: 0)
  }

  var errno: Int32 { Int32(truncatingIfNeeded: -result) }
}
