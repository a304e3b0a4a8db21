/// What the end of a process does to a set (semantics B2u).
extension SemaphoreSet {
  // The slow bits go up first: nobody sees some of the values undone and others not.
  public static func applyEnd<H: Host>(
    _ section: inout Section<H, SemaphoreSet>, of slot: Int
  ) -> EndOfMember {
    section.applyUndo(of: slot)
  }

  public static func finishEnd<H: Host>(
    _ section: inout Section<H, SemaphoreSet>, _ end: EndOfMember
  ) {
    section.finishUndo(end)
  }

  /// Applies the caller's undo as if it had ended: unshare(CLONE_SYSVSEM).
  public func leaveMember<H: Host>(_ host: H) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    for slot in 0..<memberHigh where isMember(slot, host) { section.leaveUndoList(slot) }
  }
}

extension Section where Object == SemaphoreSet {
  /// A living member leaves its undo list (unshare): as at its end, but its slot stays.
  mutating func leaveUndoList(_ slot: Int) {
    let end = applyUndo(of: slot)
    write(0, layout.member(slot) + Member.record)
    commit()
    finishUndo(end)
  }

  /// Applies a member's adjustments; whether it had an undo record and sleepers are concerned. `finishUndo` must follow.
  fileprivate mutating func applyUndo(of slot: Int) -> EndOfMember {
    let pid = set.memberPid(slot)
    resolveSeveral(slot)
    for semaphore in 0..<layout.semaphoreCount where concerns(slot, semaphore) {
      raiseSlow(semaphore)
    }
    guard image.load(layout.member(slot) + Member.record) != 0 else { return .concernsNobody }
    if isLive {
      write(1, Header.needsServe)
      write(UInt64(bitPattern: host.now()), Header.otime)
      chooseGuardian()
      commit()
      for semaphore in 0..<layout.semaphoreCount {
        undo(slot, semaphore, pid: pid)
        commit()
      }
    }
    return .concernsSleepers
  }

  fileprivate mutating func finishUndo(_ end: EndOfMember) {
    if end == .concernsSleepers { serveEverybody() }
    for semaphore in 0..<layout.semaphoreCount where set.word(semaphore).isSlow {
      lowerSlow(semaphore)
    }
  }

  /// The member has an adjustment of the semaphore, or an operation in flight that will make one.
  private func concerns(_ slot: Int, _ semaphore: Int) -> Bool {
    let word = set.word(semaphore)
    if word.mark == slot + 1 { return true }
    return word.holders != 0 && set.adjustmentAmount(member: slot, semaphore: semaphore) != 0
  }

  /// semval += semadj, clamped to 0…SEMVMX; sempid is the dead process (exit_sem in ipc/sem.c).
  fileprivate mutating func undo(_ slot: Int, _ semaphore: Int, pid: UInt32) {
    let amount = set.adjustmentAmount(member: slot, semaphore: semaphore)
    if amount == 0 { return }
    var word = set.word(semaphore)
    word.value = min(max(word.value + amount, 0), Limit.semaphoreValue)
    word.countHolder(old: amount, new: 0)
    word.pid = pid
    let offset = layout.adjustment(slot, semaphore)
    let sequence = Adjustment(bits: image.load(offset)).sequence
    write(Adjustment(amount: 0, epoch: 0, sequence: sequence).bits, offset)
    write(word.bits, layout.cell(semaphore))
  }
}
