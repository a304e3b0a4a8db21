/// Member slots: one for each process that sleeps in the set or uses SEM_UNDO.
extension SemaphoreSet {
  /// The caller's slot, claimed when it has none, with its life word armed.
  ///
  /// After `exec` the same pid and start time find the slot again, and with it the undo record.
  /// `undo` makes it a record of SEM_UNDO. Throws ENOMEM when there is no slot or no memory.
  public func claimMember<H: Host>(
    _ host: H, known: Int, undo: MemberUse
  ) throws(Errno) -> Int {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    let slot = try known >= 0 ? known : section.adoptOrClaim()
    if undo == .undo {
      section.write(1, layout.member(slot) + Member.record)
      section.commit()
    }
    if section.needsArming(slot) { _ = host.arm(image, layout.member(slot)) }
    return slot
  }
}

extension SemaphoreSet {
  /// Applies the caller's undo as if it had ended: unshare(CLONE_SYSVSEM).
  public func leaveMember<H: Host>(_ host: H) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    for slot in 0..<memberHigh
    where memberPid(slot) == host.pid
      && image.load(layout.member(slot) + Member.startTime) == host.startTime
    {
      section.leaveUndoList(slot)
    }
  }
}

/// What a process needs its member slot for.
public enum MemberUse: Sendable {
  case sleeping
  case undo
}

extension Section {
  /// The life word is nobody's, or that of a thread which has ended without the kernel marking it: a
  /// thread that calls exec takes its leader's id before its robust list is looked at.
  fileprivate func needsArming(_ slot: Int) -> Bool {
    let life = image.load32(layout.member(slot) + Member.life)
    if !SemaphoreSet.vouches(life) { return true }
    let thread = life & Futex.ownerMask
    return thread != host.pid && thread != host.tid && host.threadIsGone(thread)
  }

  fileprivate mutating func adoptOrClaim() throws(Errno) -> Int {
    let high = set.memberHigh
    var free: Int?
    for slot in 0..<high {
      let pid = set.memberPid(slot)
      if pid == 0 {
        free = free ?? slot
      } else if pid == host.pid
        && image.load(layout.member(slot) + Member.startTime) == host.startTime
      {
        // After exec, the calls that its threads slept in are gone.
        let section = self
        dropSleepers(of: slot) { section.ownerIsDead($0) }
        return slot
      }
    }
    let slot = free ?? high
    guard slot < SetLayout.memberCapacity else { throw .noMemory }
    if free == nil {
      guard host.claim(image, layout.member(slot), byteCount: 64),
        host.claim(image, layout.descriptor(slot), byteCount: Descriptor.byteCount),
        host.claim(
          image, layout.adjustment(slot, 0), byteCount: 8 * layout.semaphoreCount)
      else { throw .noMemory }
      write(UInt64(slot + 1), Header.memberHigh)
    }
    // Not armed yet: others ask the system about us until `arm`.
    image.store32(0, layout.member(slot) + Member.life)
    write(0, layout.member(slot) + Member.record)
    write(host.startTime, layout.member(slot) + Member.startTime)
    write(UInt64(host.pid), layout.member(slot) + Member.pid)
    commit()
    return slot
  }
}
