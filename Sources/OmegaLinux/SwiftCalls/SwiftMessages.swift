import COmegaLinux
import OmegaEngine

// The message calls for Swift, which passes the type apart from the bytes, and bytes as spans. What
// they do is the same code: see SystemV.

/// What came of a `msgrcv`.
public struct ReceivedMessage: Sendable {
  /// The number of bytes, or a negative errno.
  public var result: Int
  public var type: Int64

  public init(result: Int, type: Int64) {
    self.result = result
    self.type = type
  }
}

/// Flags of msgrcv.
public enum ReceiveFlag {
  public static var cuts: Int32 { MessageFlag.cuts }
  public static var except: Int32 { MessageFlag.except }
  public static var copy: Int32 { MessageFlag.copy }
}

extension Namespace {
  /// `msgsnd`: 0 or a negative errno. Blocks, unless `flags` has IPC_NOWAIT.
  @inline(never)
  public func send(
    _ identifier: Int32, _ bytes: Span<UInt8>, type: Int64, flags: Int32
  ) -> Int32 {
    // SAFETY: the bytes outlive the call.
    unsafe bytes.withUnsafeBufferPointer {
      unsafe send(identifier, UnsafeRawBufferPointer($0), type, flags)
    }
  }

  @unsafe @inline(__always)
  private func send(
    _ identifier: Int32, _ bytes: UnsafeRawBufferPointer, _ type: Int64, _ flags: Int32
  ) -> Int32 {
    // SAFETY: the caller's bytes outlive the call. No bytes have no address; of the one that stands in for
    // it nothing is read.
    let address = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
    let text = unsafe ReadableBytes(address: address ?? UnsafeMutableRawPointer(state))
    if bytes.count <= limits.messageBytes, let handle = unsafe enter(identifier, MessageQueue.self)
    {
      let result = unsafe Namespace.fastSend(
        handle, text, type: type, size: bytes.count, flags: flags)
      unsafe leave(handle)
      if let result { return result }
    }
    return sendSlowly(identifier, text, type: type, size: bytes.count, flags: flags)
  }

  @inline(never)
  private func sendSlowly(
    _ identifier: Int32, _ text: ReadableBytes, type: Int64, size: Int, flags: Int32
  ) -> Int32 {
    endAbandonedSleep()
    do throws(Errno) {
      try checkMessage(identifier, type: type, size: size)
      return try sendSlow(identifier, text, type: type, size: size, flags: flags)
    } catch {
      return -error.rawValue
    }
  }

  /// `msgrcv`, of which the span gets the bytes. Blocks, unless `flags` has IPC_NOWAIT.
  @inline(never)
  public func receive(
    _ identifier: Int32, into bytes: inout MutableSpan<UInt8>, type: Int, flags: Int32
  ) -> ReceivedMessage {
    // SAFETY: the span's bytes are initialised and outlive the call.
    unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe receive(identifier, UnsafeMutableRawBufferPointer($0), type, flags)
    }
  }

  @unsafe @inline(__always)
  private func receive(
    _ identifier: Int32, _ bytes: UnsafeMutableRawBufferPointer, _ type: Int, _ flags: Int32
  ) -> ReceivedMessage {
    let byteCount = UInt(bytes.count)
    if flags & MessageFlag.copy == 0, let handle = unsafe enter(identifier, MessageQueue.self) {
      // SAFETY: the caller's bytes outlive the call, and no more than their number is asked for.
      var output = unsafe MessageOutput(trusted: bytes.baseAddress)
      let result = unsafe Namespace.fastReceive(
        handle, &output, Namespace.request(byteCount, type, flags), flags: flags)
      unsafe leave(handle)
      if let result { return ReceivedMessage(result: result, type: output.type) }
    }
    // SAFETY: as above.
    var output = unsafe MessageOutput(trusted: bytes.baseAddress)
    endAbandonedSleep()
    let result = receiveSlow(
      identifier, &output, byteCount: byteCount, type: type, flags: flags)
    return ReceivedMessage(result: result, type: output.type)
  }

  /// IPC_SET of a queue.
  public func setQueue(
    _ identifier: Int32, uid: UInt32, gid: UInt32, mode: UInt32, queueBytes: UInt64
  ) -> Int32 {
    var buffer = InlineArray<256, UInt8>(repeating: 0)
    // SAFETY: the buffer is larger than `struct msqid_ds` and outlives the call.
    return unsafe withUnsafeMutablePointer(to: &buffer) { out in
      let out = UnsafeMutableRawPointer(out)
      unsafe Namespace.store(uid: uid, gid: gid, mode: mode, out)
      unsafe out.storeBytes(
        of: queueBytes, toByteOffset: Int(omega_msqid_qbytes), as: UInt64.self)
      return controlQueue(identifier, Command.set, UInt(bitPattern: out))
    }
  }

  /// IPC_RMID of a queue: 0 or a negative errno.
  public func removeQueue(_ identifier: Int32) -> Int32 {
    controlQueue(identifier, Command.remove, 0)
  }

  /// Fills in what IPC_SET takes of a `struct ipc_perm`.
  @unsafe
  static func store(uid: UInt32, gid: UInt32, mode: UInt32, _ out: UnsafeMutableRawPointer) {
    // SAFETY: the caller's buffer has room.
    unsafe out.storeBytes(of: uid, toByteOffset: Int(omega_perm_uid), as: UInt32.self)
    unsafe out.storeBytes(of: gid, toByteOffset: Int(omega_perm_gid), as: UInt32.self)
    // The field's width depends on the architecture; both are little-endian and the rest is 0.
    unsafe out.storeBytes(
      of: UInt16(mode & 0o777), toByteOffset: Int(omega_perm_mode), as: UInt16.self)
  }
}

#if !hasFeature(Embedded)
  extension Namespace {
    /// As `receive(_:into:type:flags:)`, into an array of as many bytes as there came.
    public func receiveBytes(
      _ identifier: Int32, atMost byteCount: Int, type: Int, flags: Int32
    ) -> (message: ReceivedMessage, bytes: [UInt8]) {
      var message = ReceivedMessage(result: 0, type: 0)
      // SAFETY: `result` bytes were initialised.
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(0, byteCount)) { room, count in
        message = unsafe receive(
          identifier, UnsafeMutableRawBufferPointer(room), type, flags)
        count = max(0, message.result)
      }
      // What is kept should not take the room of the longest.
      if bytes.count >= byteCount / 2 { return (message, bytes) }
      // SAFETY: read while they live.
      return (message, unsafe bytes.withUnsafeBufferPointer { unsafe [UInt8]($0) })
    }

    /// As `receive(_:into:type:flags:)`, into a value; nil unless just as many bytes came as it has.
    ///
    /// The bytes must be a value of the type.
    @unsafe
    public func receiveValue<Value: BitwiseCopyable>(
      _ identifier: Int32, as: Value.Type, type: Int, flags: Int32
    ) -> (message: ReceivedMessage, value: Value?) {
      // SAFETY: the memory has the value's size and alignment, and is used as one only when all of it
      // was written.
      unsafe withUnsafeTemporaryAllocation(
        byteCount: max(1, MemoryLayout<Value>.size), alignment: MemoryLayout<Value>.alignment
      ) { room in
        let size = MemoryLayout<Value>.size
        let message = unsafe receive(
          identifier, UnsafeMutableRawBufferPointer(rebasing: room[..<size]), type, flags)
        return (message, message.result == size ? unsafe room.load(as: Value.self) : nil)
      }
    }

    /// The value's bytes as they stand in memory.
    public func sendValue<Value: BitwiseCopyable>(
      _ identifier: Int32, _ value: Value, type: Int64, flags: Int32
    ) -> Int32 {
      // SAFETY: read as bytes while it lives.
      unsafe withUnsafeBytes(of: value) {
        unsafe send(identifier, $0, type, flags)
      }
    }
  }
#endif
