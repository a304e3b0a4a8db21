import COmegaLinux
import OmegaEngine

/// Through which queue a message goes, and in which direction.
struct MessageWay {
  private let bits: UInt

  @inline(__always)
  init(_ handle: ObjectHandle<MessageQueue>, isSender: Bool) {
    bits = UInt(bitPattern: handle) | (isSender ? 1 : 0)
  }

  /// Whether this thread's last message went the same way.
  var isLast: Bool {
    // SAFETY: the thread's own storage.
    @inline(__always) get { unsafe omega_thread().pointee.last_message == bits }
  }

  @inline(__always)
  func note() { unsafe omega_thread().pointee.last_message = bits }
}

// Sending and receiving without a section: nil when that does not decide the call.
extension Namespace {
  /// Whether the handle's member may make a fast call; then the process's other threads may not until
  /// `endAlone`.
  @inline(__always)
  private static func beginFast(
    _ handle: ObjectHandle<MessageQueue>, _ right: UInt32
  ) -> UInt32? {
    // SAFETY: the handle is entered; the identity and the thread's storage live long enough.
    let pid = unsafe omega_identity().pointee.pid
    guard
      unsafe pid != 0 && handle.pointee.state == handle.pointee.object.stateWord
        && handle.pointee.generation == omega_credentials() && handle.pointee.granted & right != 0
        && handle.pointee.memberPid == pid
        && handle.pointee.object.isArmed(Int(handle.pointee.member))
        && omega_thread().pointee.pid == pid
    else { return nil }
    return unsafe beginAlone(handle) ? pid : nil
  }

  @inline(never)
  static func fastSend(
    _ handle: ObjectHandle<MessageQueue>, _ text: ReadableBytes, type: Int64, size: Int,
    flags: Int32
  ) -> Int32? {
    guard type >= 1, let pid = unsafe beginFast(handle, Permissions.alter) else { return nil }
    // SAFETY: as above.
    defer { unsafe endAlone(handle) }
    let queue = unsafe handle.pointee.object
    let way = unsafe MessageWay(handle, isSender: true)
    let caller = unsafe LinuxFastCaller(omega_thread(), way)
    let member = Int(unsafe handle.pointee.member)
    for _ in 0..<3 {
      let result = unsafe queue.fastSend(
        caller, member: member, pid: pid, time: omega_seconds(), state: handle.pointee.state,
        type: type, size: size, popsAhead: handle.pointee.popsAhead != 0
      ) { text.copy(to: $0) }
      switch result {
      case .done:
        way.note()
        return 0
      case .blocked: return flags & Flag.noWait != 0 ? -Errno.again.rawValue : nil
      case .lacksStock:
        // Who sends more than it receives takes the next cell along with each message.
        unsafe handle.pointee.popsAhead = 1
        guard unsafe restock(handle, caller, member: member, size: size) else { return nil }
      case .tooBig, .slow: return nil
      }
    }
    return nil
  }

  @inline(never)
  private static func restock(
    _ handle: ObjectHandle<MessageQueue>, _ caller: LinuxFastCaller, member: Int, size: Int
  ) -> Bool {
    // SAFETY: as above.
    let queue = unsafe handle.pointee.object
    if queue.fastStock(caller, member: member, size: size) { return true }
    do throws(Errno) {
      try queue.stock(LinuxHost(), member: member, size: size)
      return true
    } catch {
      return false
    }
  }

  @inline(never)
  static func fastReceive(
    _ handle: ObjectHandle<MessageQueue>, _ output: inout MessageOutput,
    _ request: MessageRequest, flags: Int32
  ) -> Int? {
    guard let pid = unsafe beginFast(handle, Permissions.read) else { return nil }
    // SAFETY: as above.
    defer { unsafe endAlone(handle) }
    unsafe handle.pointee.popsAhead = 0
    let way = unsafe MessageWay(handle, isSender: false)
    let result = unsafe handle.pointee.object.fastReceive(
      LinuxFastCaller(omega_thread(), way),
      member: Int(handle.pointee.member), pid: pid,
      time: omega_seconds(), state: handle.pointee.state, request: request
    ) { output.put($0, $1) }
    switch result {
    case .done:
      way.note()
      return output.result
    case .blocked:
      return flags & Flag.noWait != 0 ? -Int(Errno.noMessage.rawValue) : nil
    case .tooBig: return -Int(Errno.argumentListTooLong.rawValue)
    case .lacksStock, .slow: return nil
    }
  }
}
