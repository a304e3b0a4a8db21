/// Member slots: one for each process that sleeps in an object, or whose end the object must learn of.
extension IPCObject {
  /// The caller's slot, claimed when it has none, with its life word armed.
  ///
  /// After `exec` the same pid and start time find the slot again, and with it the undo record.
  /// Use `.undo` makes it a record of SEM_UNDO. Throws ENOMEM when there is no slot or no memory.
  public func claimMember<H: Host>(
    _ host: H, known: Int, undo: MemberUse
  ) throws(Errno) -> Int {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    let slot = try known >= 0 ? known : section.adoptOrClaim()
    if undo == .undo {
      section.write(1, frame.member(slot) + Member.record)
      section.commit()
    }
    if section.needsArming(slot) { _ = host.arm(image, frame.member(slot)) }
    return slot
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
  func needsArming(_ slot: Int) -> Bool {
    let life = image.load32(frame.member(slot) + Member.life)
    if !object.vouches(life) { return true }
    let thread = life & Futex.ownerMask
    return thread != host.pid && thread != host.tid && host.threadIsGone(thread)
  }

  fileprivate mutating func adoptOrClaim() throws(Errno) -> Int {
    let high = object.memberHigh
    var free: Int?
    for slot in 0..<high {
      let pid = object.memberPid(slot)
      if pid == 0 {
        free = free ?? slot
      } else if object.isMember(slot, host) {
        // After exec, the calls that its threads slept in are gone.
        let section = self
        dropSleepers(of: slot) { section.ownerIsDead($0) }
        return slot
      }
    }
    let slot = free ?? high
    try makeMember(slot)
    commit()
    return slot
  }

  /// Gives the caller a free slot, within the open transaction. The lowest of all, where it does not look
  /// for its own.
  mutating func claimFreeMember() throws(Errno) -> Int {
    var slot = 0
    while slot < object.memberHigh && object.memberPid(slot) != 0 { slot += 1 }
    try makeMember(slot)
    return slot
  }

  private mutating func makeMember(_ slot: Int) throws(Errno) {
    guard slot < Frame.memberCapacity else { throw .noMemory }
    if slot >= object.memberHigh {
      guard host.claim(image, frame.member(slot), byteCount: 64),
        object.claimMember(host, slot: slot)
      else { throw .noMemory }
      write(UInt64(slot + 1), Header.memberHigh)
    }
    // Not armed yet: others ask the system about us until `arm`.
    image.store32(0, frame.member(slot) + Member.life)
    write(0, frame.member(slot) + Member.record)
    write(host.startTime, frame.member(slot) + Member.startTime)
    write(UInt64(host.pid), frame.member(slot) + Member.pid)
  }
}
