/// A member's life word is a robust futex that its process holds for life:
///
/// | value | meaning |
/// |---|---|
/// | 0 | not armed: ask the system |
/// | tid, `Futex.waiters` | armed: that thread lives, hence the process, when it is the first thread |
/// | `Futex.ownerDied` set by the kernel | that thread has ended, or the process has, or it called `exec`: ask |
///
/// Written by the owner when it arms, and by the kernel at the thread's end, before its parent's
/// `waitpid` returns. The owner sets `Futex.waiters` itself: the kernel wakes nobody without it.
extension IPCObject {
  /// The life word does not vouch for the member in `slot`.
  @inlinable @inline(__always)
  func isSuspect(_ slot: Int) -> Bool {
    let life = image.load32(frame.member(slot) &+ Member.life)
    let pid = memberPid(slot)
    // Another thread than the first may have called exec, which does not mark the word.
    return pid != 0 && !(vouches(life) && life & Futex.ownerMask == pid)
  }

  @inlinable @inline(__always)
  func vouches(_ life: UInt32) -> Bool {
    life & Futex.ownerMask != 0 && life & Futex.ownerDied == 0
  }

  /// The member's life word vouches for it.
  @inlinable @inline(__always)
  public func isArmed(_ slot: Int) -> Bool {
    vouches(image.load32(frame.member(slot) &+ Member.life))
  }

  /// The member's life word is in this thread's robust list.
  public func isArmed(_ slot: Int, by tid: UInt32) -> Bool {
    image.load32(frame.member(slot) &+ Member.life) & ~Futex.waiters == tid
  }

  public func isDead<H: Host>(_ slot: Int, _ host: H) -> Bool {
    isSuspect(slot) && processHasEnded(slot, host)
  }

  /// Whether the process in a suspect slot has ended.
  func processHasEnded<H: Host>(_ slot: Int, _ host: H) -> Bool {
    if isMember(slot, host) { return false }
    let life = image.load32(frame.member(slot) &+ Member.life)
    // The kernel marks the word of a thread that ends; one that called exec has given its id away.
    if vouches(life) && host.threadExists(life & Futex.ownerMask) { return false }
    let start = image.load(frame.member(slot) &+ Member.startTime)
    return host.processIsGone(pid: memberPid(slot), startTime: start)
  }

  /// Whether the caller's process has the slot.
  func isMember<H: Host>(_ slot: Int, _ host: H) -> Bool {
    memberPid(slot) == host.pid
      && host.isOwnStart(image.load(frame.member(slot) &+ Member.startTime))
  }
}
