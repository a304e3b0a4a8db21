internal import OmegaEngine
internal import OmegaLinux

/// Plain values as messages: the bytes that they have in memory, without any encoding. Both sides must
/// be programs for the same machine that agree on the type.
extension MessageQueue {
  /// Sends the bytes of a value, waiting until the queue has room. **Blocks.** Needs permission to
  /// alter.
  ///
  /// - Parameters:
  ///   - value: Its bytes are the message, with those between its fields. Pointers are sent too, and
  ///     mean nothing to others.
  ///   - type: 1 or above; receivers select by it.
  ///
  /// - Throws: as ``send(_:type:)-(Span<UInt8>,_)``.
  ///
  /// The corresponding C function is `msgsnd`.
  public func send<Value: BitwiseCopyable>(value: Value, type: Int = 1) throws(IPCError) {
    let result = namespace.host.sendValue(identifier, value, type: Int64(type), flags: 0)
    if result != 0 { try fail(.send, result) }
  }

  /// Sends the bytes of a value if the queue has room for it; false if not. Never waits.
  ///
  /// - Throws: as ``send(_:type:)-(Span<UInt8>,_)``, except EINTR.
  ///
  /// The corresponding C function is `msgsnd` with `IPC_NOWAIT`.
  public func trySend<Value: BitwiseCopyable>(value: Value, type: Int = 1) throws(IPCError) -> Bool
  {
    try wasSent(
      namespace.host.sendValue(identifier, value, type: Int64(type), flags: Flag.noWait))
  }

  /// Receives a message whose bytes are a value, waiting until there is one. **Blocks.** Needs
  /// permission to read.
  ///
  /// Whatever bytes somebody sent are taken as the value. That is safe where every pattern of bits is
  /// one, as of integers, floating-point numbers and structures of these; not of `Bool`, enumerations
  /// and pointers, unless you trust all who may alter the queue.
  ///
  /// - Returns: The value, and the message's type.
  /// - Throws: E2BIG when the message has more bytes than the value; EBADMSG when it had fewer, and is
  ///   gone; else as ``receive(_:atMost:longer:)``.
  ///
  /// The corresponding C function is `msgrcv`.
  @unsafe
  public func receive<Value: BitwiseCopyable>(
    _ value: Value.Type, _ selection: MessageSelection = .first
  ) throws(IPCError) -> (value: Value, type: Int) {
    // SAFETY: says the caller.
    guard let received = unsafe try receiveValue(value, selection, flags: 0) else {
      throw failure(.receive, Errno.noMessage.rawValue)
    }
    return received
  }

  /// As ``receive(_:_:)``, but returns nil when there is no such message. Never waits.
  ///
  /// The corresponding C function is `msgrcv` with `IPC_NOWAIT`.
  @unsafe
  public func tryReceive<Value: BitwiseCopyable>(
    _ value: Value.Type, _ selection: MessageSelection = .first
  ) throws(IPCError) -> (value: Value, type: Int)? {
    // SAFETY: says the caller.
    unsafe try receiveValue(value, selection, flags: Flag.noWait)
  }

  @unsafe
  private func receiveValue<Value: BitwiseCopyable>(
    _ value: Value.Type, _ selection: MessageSelection, flags: Int32
  ) throws(IPCError) -> (value: Value, type: Int)? {
    guard let wanted = selection.arguments else {
      throw failure(.receive, Errno.invalid.rawValue)
    }
    // SAFETY: says the caller.
    let (header, received) = unsafe namespace.host.receiveValue(
      identifier, as: value, type: wanted.type, flags: flags | wanted.flags)
    if header.result == MessageQueue.none { return nil }
    if header.result < 0 { throw failure(.receive, header.errno) }
    guard let received else { throw failure(.receive, Errno.badMessage.rawValue) }
    return (received, Int(header.type))
  }
}
