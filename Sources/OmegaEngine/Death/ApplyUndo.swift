/// What the end of a process does to a set (semantics B2u), done by whoever enters a section next.
extension Section {
  /// Applies the undo of every member that has ended and frees its slot. Every section begins with it,
  /// so nothing is decided on values that a death has already changed.
  mutating func settleDead() {
    for slot in 0..<set.memberHigh where set.isDead(slot, host) { bury(slot) }
  }

  /// One dead member: its sleepers leave, its adjustments are applied, sleepers are served.
  ///
  /// A series of transactions; the slot is freed by the last, so a death in between only means that
  /// the rest is done later. The slow bits go up first: nobody sees some of the values undone and
  /// others not.
  mutating func bury(_ slot: Int) {
    dropSleepers(of: slot) { _ in true }
    for waiter in 0..<set.waiterHigh where set.waiterOwner(waiter).member == slot {
      // Finished, but nobody is left to read the result.
      image.store(WaiterStatus.free, layout.waiter(waiter) + Waiter.status)
    }
    let record = applyUndo(of: slot)
    write(0, layout.member(slot) + Member.record)
    write(0, layout.member(slot) + Member.startTime)
    write(0, layout.member(slot) + Member.pid)
    commit()
    image.store32(0, layout.member(slot) + Member.life)
    finishUndo(record)
  }

  /// A living member leaves its undo list (unshare): as at its end, but its slot stays.
  mutating func leaveUndoList(_ slot: Int) {
    let record = applyUndo(of: slot)
    write(0, layout.member(slot) + Member.record)
    commit()
    finishUndo(record)
  }

  /// Applies a member's adjustments; whether it had an undo record. `finishUndo` must follow.
  private mutating func applyUndo(of slot: Int) -> UndoRecord {
    let pid = set.memberPid(slot)
    resolveSeveral(slot)
    for semaphore in 0..<layout.semaphoreCount where concerns(slot, semaphore) {
      raiseSlow(semaphore)
    }
    guard image.load(layout.member(slot) + Member.record) != 0 else { return .none }
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
    return .applied
  }

  private mutating func finishUndo(_ record: UndoRecord) {
    if record == .applied { serveEverybody() }
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
  private mutating func undo(_ slot: Int, _ semaphore: Int, pid: UInt32) {
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

private enum UndoRecord { case none, applied }
