import COmegaLinux
import OmegaEngine

// A child has attached what its parent has, from its first moment. The parent reserves a slot for it in
// every segment before it forks; child and parent both enter the child's name, whoever comes first, before
// `fork` returns to them. Where `fork` is not ours to wrap (the C library, daemon(), forkpty()), only the
// child does, and nobody misses it: the reserved slot counts as well.
//
// The lock of attachments is held over the fork, so the child's list is whole, and it says what is mapped.
extension Namespace {
  static func followForks() {
    omega_follow_forks(
      omega_fork_calls(
        before: { Namespace.beforeFork() }, in_parent: { Namespace.afterForkInParent() },
        in_child: { Namespace.afterForkInChild() }, at_exit: { Namespace.atExit() }))
  }

  private static func beforeFork() {
    guard AttachmentList.ofProcess != nil else { return }
    let host = LinuxHost()
    guard omega_begin_fork(host.tid) != 0, let list = AttachmentList.ofProcess else { return }
    countInherited(list, host)
    unsafe list.visit { _, piece in
      // SAFETY: an entry in use, under the lock; its handle is entered.
      let handle = unsafe piece.handle
      guard unsafe handle.pointee.reserved < 0 else { return }
      let slot = unsafe handle.pointee.object.reserveForChild(
        host, attachments: Int(handle.pointee.attachments))
      unsafe handle.pointee.reserved = Int32(slot ?? -1)
    }
  }

  private static func afterForkInParent() {
    // SAFETY: the calling thread's own storage.
    if unsafe omega_thread().pointee.names_child != 0 { return }
    guard let list = AttachmentList.ofProcess, omega_holds_attachments(LinuxHost().tid) != 0
    else { return }
    forgetReserved(list)
    omega_end_fork()
  }

  private static func afterForkInChild() {
    // SAFETY: as above.
    unsafe omega_thread().pointee.names_child = 0
    if let list = AttachmentList.ofProcess { countInherited(list, LinuxHost()) }
  }

  /// Around `fork`, where it is wrapped: the parent keeps the lock until it knows the child's name.
  public static func willFork() {
    // SAFETY: as above.
    unsafe omega_thread().pointee.names_child = 1
  }

  /// In the parent; `child` is 0 when there is none.
  public static func didFork(_ child: UInt32) {
    // SAFETY: as above.
    unsafe omega_thread().pointee.names_child = 0
    let host = LinuxHost()
    guard let list = AttachmentList.ofProcess, omega_holds_attachments(host.tid) != 0 else {
      return
    }
    var name: (pid: UInt32, startTime: UInt64)?
    unsafe list.visit { _, piece in
      // SAFETY: an entry in use, under the lock; its handle is entered.
      let handle = unsafe piece.handle
      let reserved = Int(unsafe handle.pointee.reserved)
      guard reserved >= 0 else { return }
      unsafe handle.pointee.reserved = -1
      let segment = unsafe handle.pointee.object
      guard segment.isNameless(host, reserved: reserved) else { return }
      if child != 0 && name == nil { name = (child, startTime(of: child)) }
      if segment.nameChild(host, reserved: reserved, child: name) == .ends {
        unsafe piece.namespace.endIfLeft(handle)
      }
    }
    omega_end_fork()
  }

  /// Of a child that is gone already it is 0: no process has started then, so it is found dead.
  private static func startTime(of child: UInt32) -> UInt64 {
    var stat = omega_stat()
    // SAFETY: the structure outlives the call.
    _ = unsafe omega_read_stat(child, &stat)
    return stat.start_time | omega_process_number(child) << 40
  }

  private static func forgetReserved(_ list: AttachmentList) {
    // SAFETY: an entry in use, under the lock.
    unsafe list.visit { _, piece in unsafe piece.handle.pointee.reserved = -1 }
  }

  /// Counts what a child has inherited, the first time that it comes here.
  static func countInherited(_ list: AttachmentList, _ host: LinuxHost) {
    if list.pid == host.pid { return }
    list.pid = host.pid
    unsafe list.visit { _, piece in
      // SAFETY: an entry in use, in a child that nobody else runs in yet or under the lock; its handle is
      // entered.
      let handle = unsafe piece.handle
      guard unsafe handle.pointee.memberPid != host.pid else { return }
      let slot = unsafe handle.pointee.object.takeOver(
        host, reserved: Int(handle.pointee.reserved), parent: handle.pointee.memberPid,
        attachments: Int(handle.pointee.attachments))
      unsafe remember(handle, slot: slot ?? -1, host)
      unsafe piece.namespace.enterAgain(handle)
    }
    forgetReserved(list)
  }

  /// Puts an inherited handle into the table, which the fork has wiped.
  private func enterAgain(_ handle: ObjectHandle<SharedSegment>) {
    let token = omega_lock_process()
    defer { omega_unlock_process(token) }
    // SAFETY: under the process's lock; the handle is entered.
    guard unsafe handle.pointee.retired == 0 && handle.pointee.tag != 0 else { return }
    let entry = unsafe SharedSegment.table(state) + Int(handle.pointee.tag &- 1) & 0x7FFF
    if unsafe entry.pointee == nil { unsafe omega_publish(entry, handle) }
  }

  /// At the process's ordinary end: segments that are marked for removal end with their last user. (After
  /// any other end whoever comes next finds it out.) The memory stays mapped, for it may be in use still.
  private static func atExit() {
    let host = LinuxHost()
    let lock = omega_lock_attachments(host.tid)
    defer { omega_unlock_attachments(lock) }
    guard let list = AttachmentList.ofProcess else { return }
    countInherited(list, host)
    unsafe list.visit { _, piece in
      // SAFETY: an entry in use, under the lock; its handle is entered.
      let handle = unsafe piece.handle
      guard unsafe handle.pointee.object.isDoomed && handle.pointee.memberPid == host.pid
      else { return }
      let slot = Int(unsafe handle.pointee.member)
      if (try? unsafe handle.pointee.object.leave(host, slot: slot)) == .ends {
        unsafe piece.namespace.endIfLeft(handle)
      }
    }
  }
}
