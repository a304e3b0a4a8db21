/// How a call sleeps, and how no wake-up of it is lost.
///
/// The sleeper waits on its own futex word and, where the end of another process could let it go on,
/// on that member's life word as well (the *watch list*).
extension IPCObject {
  /// Sleeps until the call in `slot` is finished; throws EAGAIN at the deadline, EINTR after a signal
  /// handler, or the error that finished it.
  ///
  /// `finished` is called when the slot holds the call's result, of a kind that keeps it: the caller frees
  /// the slot.
  public func sleep<H: Host>(
    _ host: H, slot: Int, deadline: Deadline, finished: () -> Void = {}
  ) throws(Errno) {
    let futex = frame.waiter(slot) + Waiter.futex
    var state = host.beginSleep(image, frame.waiter(slot) + Waiter.life)
    defer { host.endSleep(state) }
    var turns = 0
    var watch = WatchList()
    while true {
      // No wake-up is lost: whoever finishes the call, becomes our guardian's ward or adds a holder
      // changes this word before waking, and the host waits only while it still has this value.
      let word = image.load32(futex)
      if word == 0 {
        passOn(watch, host)
        return try take(slot, finished)
      }
      if word & Futex.ownerDied != 0 {
        try repair(host, slot, dead: word & Futex.ownerMask)
        continue
      }
      // What an open transaction shows may be rolled back, and a watch list made of it would be wrong.
      // Sections are short, so wait for the end of this one. (As its owner's guardian we need not.)
      let isGuardian = word & Futex.waiters != 0
      if !isGuardian && isLocked {
        turns += 1
        if turns % 64 == 0 { try repair(host, slot, dead: 0) } else { host.waitForOwner(turns) }
        continue
      }
      watch = WatchList()
      if fillWatchList(&watch, slot: slot, host) {
        try repair(host, slot, dead: 0)
        continue
      }
      if !isGuardian && isLocked { continue }
      switch host.sleep(image, futex, expected: word, deadline: deadline, watch: watch, &state) {
      case .woken, .lookAround: continue
      case .timedOut: return try withdraw(host, slot, .again, finished)
      case .interrupted: return try withdraw(host, slot, .interrupted, finished)
      }
    }
  }

  /// The kernel wakes one watcher of a member that ends. When that was us, but our call was finished by
  /// somebody who did not see this end yet, we look after those who sleep on.
  private func passOn<H: Host>(_ watch: WatchList, _ host: H) {
    for index in 0..<watch.count
    where image.load32(watch.offset(index)) != watch.expected(index) {
      guard var section = try? Section(self, host) else { return }
      section.close()
      return
    }
  }

  /// Reads the result of a finished call and frees its slot.
  private func take(_ slot: Int, _ finished: () -> Void) throws(Errno) {
    let offset = frame.waiter(slot) + Waiter.status
    let status = image.load(offset)
    if Self.keepsResults && status & 0xFFFF_FFFF == WaiterStatus.finished {
      finished()
    } else {
      // Release: the slot is reused only after we have read it. Only the sleeper frees a finished slot.
      image.store(WaiterStatus.free, offset)
    }
    // A peer may have scribbled it: only a result, and only an errno, may leave here.
    let result = Int32(truncatingIfNeeded: status >> 32)
    guard status & 0xFFFF_FFFF == WaiterStatus.finished, result >= 0, result < 4096 else {
      throw .identifierRemoved
    }
    if result != 0 { throw Errno(rawValue: result) }
  }

  /// Leaves the queue, unless the call was finished first: then that result wins (semantics B2.13).
  private func withdraw<H: Host>(
    _ host: H, _ slot: Int, _ errno: Errno, _ finished: () -> Void
  ) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard isQueued(slot) else { return try take(slot, finished) }
    guard section.reserveJournal(Limit.operationsPerCall + 32) else { throw .noMemory }
    Self.dequeue(&section, slot, status: WaiterStatus.free)
    section.commit()
    Self.finishWithdrawal(&section, slot)
    throw errno
  }

  /// Takes a call out whose thread no longer waits for it. A result that came meanwhile is lost, as it
  /// is when a handler leaves a call of the kernel that has just succeeded.
  public func abandon<H: Host>(_ host: H, slot: Int) throws(Errno) {
    var isFinished = false
    do throws(Errno) {
      try withdraw(host, slot, .interrupted) { isFinished = true }
    } catch {
      if error != .interrupted && !isFinished { throw error }
    }
    if !isFinished { return }
    var section = try Section(self, host)
    defer { section.close() }
    Self.discard(&section, slot)
    section.commit()
  }

  /// Somebody is inside a section, or died there.
  private var isLocked: Bool {
    image.load32(Header.lock) & (Futex.ownerMask | Futex.ownerDied) != 0
  }

  /// Enters and leaves a section: entering repairs, settles the dead and serves.
  private func repair<H: Host>(_ host: H, _ slot: Int, dead: UInt32) throws(Errno) {
    var section = try Section(self, host, dead: dead)
    defer { section.close() }
    // Whoever repaired has reset our word, unless its mark was no death's but a scribble.
    if isQueued(slot) {
      section.clearDeath(slot)
    } else if section.guardian != slot
      && image.load32(frame.waiter(slot) + Waiter.futex) & Futex.ownerDied != 0
    {
      // Damage: neither asleep nor finished.
      throw .identifierRemoved
    }
  }
}
