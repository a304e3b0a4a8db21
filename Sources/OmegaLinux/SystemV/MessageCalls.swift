import COmegaLinux
import OmegaEngine

/// Flags of msgrcv (`<sys/msg.h>`).
enum MessageFlag {
  static var cuts: Int32 { 0o10000 }  // MSG_NOERROR
  static var except: Int32 { 0o20000 }  // MSG_EXCEPT
  static var copy: Int32 { 0o40000 }  // MSG_COPY
}

extension Namespace {
  /// `msgget` (msgget(2)): the identifier, or a negative errno.
  public func getQueue(key: Int32, flags: Int32) -> Int32 {
    do throws(Errno) {
      return try get(MessageQueue.self, key: key, size: 0, flags: flags) { () throws(Errno) in
        let limits = limits
        try checkLimits(MessageQueue.self, adding: 0, objects: limits.queues, units: .max)
        return try create(
          MessageQueue.self, key: key, size: QueueLayout.size(forQueueOf: limits.queueBytes),
          mode: UInt32(bitPattern: flags) & 0o777)
      }
    } catch {
      return -error.rawValue
    }
  }

  /// `msgsnd` (msgsnd(2)): 0 or a negative errno. A cancellation point.
  ///
  /// `message` points to the type, a `long` above 0, and `byteCount` bytes.
  @inline(__always)
  public func send(
    _ identifier: Int32, _ message: UnsafeMutableRawPointer?, byteCount: UInt, flags: Int32
  ) -> Int32 {
    omega_test_cancel()
    // SAFETY: the pointer is asked about before it is used.
    if let message = unsafe message, byteCount <= UInt(limits.messageBytes),
      unsafe omega_readable(message, 8 &+ Int(byteCount)) != 0,
      let handle = unsafe enter(identifier, MessageQueue.self)
    {
      let result = unsafe Namespace.fastSend(
        handle, ReadableBytes(address: message + 8),
        type: message.loadUnaligned(as: Int64.self), size: Int(byteCount), flags: flags)
      unsafe leave(handle)
      if let result { return result }
    }
    return unsafe sendSlow(identifier, message, byteCount: byteCount, flags: flags)
  }

  /// `msgrcv` (msgrcv(2)): the number of bytes received, or a negative errno. A cancellation point.
  ///
  /// `message` points to room for the type, a `long`, and `byteCount` bytes.
  @inline(__always)
  public func receive(
    _ identifier: Int32, _ message: UnsafeMutableRawPointer?, byteCount: UInt, type: Int,
    flags: Int32
  ) -> Int {
    omega_test_cancel()
    if flags & MessageFlag.copy == 0 && byteCount <= UInt(Int.max),
      let handle = unsafe enter(identifier, MessageQueue.self)
    {
      // SAFETY: the pointer is asked about before it is used.
      var output = unsafe MessageOutput(UserMemory(message))
      let result = unsafe Namespace.fastReceive(
        handle, &output, Namespace.request(byteCount, type, flags), flags: flags)
      unsafe leave(handle)
      if let result { return result }
    }
    return unsafe receiveSlow(identifier, message, byteCount: byteCount, type: type, flags: flags)
  }

  @inline(__always)
  static func request(_ byteCount: UInt, _ type: Int, _ flags: Int32) -> MessageRequest {
    MessageRequest(
      type: Int64(type), except: flags & MessageFlag.except != 0,
      cuts: flags & MessageFlag.cuts != 0, capacity: Int(byteCount))
  }
}

/// Where msgrcv puts a message: the program's memory, asked about when it is known how much is needed.
struct MessageOutput {
  private let memory: UserMemory
  /// Where the bytes begin: behind the type, or, of a caller who takes the type from here and whose memory
  /// need not be asked about, at the start.
  private let start: Int
  /// Type and bytes of the last message that was put there.
  private(set) var type: Int64 = 0
  private(set) var byteCount = 0
  /// It could not be written: the message is lost, as in Linux.
  private(set) var isBad = false

  init(_ memory: UserMemory) {
    self.memory = memory
    start = 8
  }

  /// For the bytes alone; the memory outlives the call and has room for what is asked for.
  @unsafe
  init(trusted address: UnsafeMutableRawPointer?) {
    unsafe memory = UserMemory(address)
    start = 0
  }

  @inline(__always)
  mutating func put(_ type: Int64, _ bytes: ImageBytes) {
    self.type = type
    byteCount = bytes.byteCount
    if start == 0 {
      // SAFETY: says who made the value.
      unsafe memory.trusted?.copy(bytes, at: 0)
      return
    }
    do throws(Errno) {
      let out = try memory.writable(8 &+ bytes.byteCount)
      out.store(type, 0)
      out.copy(bytes, at: 8)
      isBad = false
    } catch {
      isBad = true
    }
  }

  /// Throws EFAULT unless so much of the program's memory can be read.
  func checkReadable(_ byteCount: Int) throws(Errno) {
    if start != 0 { _ = try memory.readable(byteCount) }
  }

  @inline(__always)
  var result: Int { isBad ? -Int(Errno.badAddress.rawValue) : byteCount }
}

extension WritableBytes {
  @inline(__always)
  func copy(_ bytes: ImageBytes, at offset: Int) {
    // SAFETY: the caller asked about as many bytes; the image's are inside its mapping.
    unsafe omega_copy(address + offset, bytes.address, bytes.byteCount)
  }
}

extension ReadableBytes {
  /// Copies as many bytes as an image has room for.
  @inline(__always)
  func copy(to bytes: ImageBytes) {
    // SAFETY: as above.
    unsafe omega_copy(bytes.address, address, bytes.byteCount)
  }
}
