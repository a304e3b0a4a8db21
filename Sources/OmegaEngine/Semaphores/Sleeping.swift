/// How a call sleeps, and how no wake-up of it is lost.
///
/// The sleeper waits on its own futex word and, where the end of another process could let it go on,
/// on that member's life word as well (the *watch list*).
extension SemaphoreSet {
  /// Sleeps until the call in `slot` is finished; throws EAGAIN at the deadline, EINTR after a signal
  /// handler, or the error that finished it.
  public func sleep<H: Host>(_ host: H, slot: Int, deadline: Deadline) throws(Errno) {
    let futex = layout.waiter(slot) + Waiter.futex
    var state = host.beginSleep(image, layout.waiter(slot) + Waiter.life)
    defer { host.endSleep(state) }
    var turns = 0
    var watch = WatchList()
    while true {
      // No wake-up is lost: whoever finishes the call, becomes our guardian's ward or adds a holder
      // changes this word before waking, and the host waits only while it still has this value.
      let word = image.load32(futex)
      if word == 0 {
        passOn(watch, host)
        return try take(slot)
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
      case .timedOut: return try withdraw(host, slot, .again)
      case .interrupted: return try withdraw(host, slot, .interrupted)
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
  private func take(_ slot: Int) throws(Errno) {
    let offset = layout.waiter(slot) + Waiter.status
    let status = image.load(offset)
    // Release: the slot is reused only after we have read it. Only the sleeper frees a finished slot.
    image.store(WaiterStatus.free, offset)
    // A peer may have scribbled it: only a result, and only an errno, may leave here.
    let result = Int32(truncatingIfNeeded: status >> 32)
    guard status & 0xFFFF_FFFF == WaiterStatus.finished, result >= 0, result < 4096 else {
      throw .identifierRemoved
    }
    if result != 0 { throw Errno(rawValue: result) }
  }

  /// Leaves the queue, unless the call was finished first: then that result wins (semantics B2.13).
  private func withdraw<H: Host>(_ host: H, _ slot: Int, _ errno: Errno) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard isQueued(slot) else { return try take(slot) }
    guard section.reserveJournal(Limit.operationsPerCall + 32) else { throw .noMemory }
    section.dequeue(slot, status: WaiterStatus.free)
    section.commit()
    for index in 0..<waiterShape(slot).count {
      let semaphore = waiterOperation(slot, waiterShape(slot).count, index).semaphore
      if semaphore < layout.semaphoreCount { section.lowerSlow(semaphore) }
    }
    throw errno
  }

  /// Takes a call out whose thread no longer waits for it. A result that came meanwhile is lost, as it
  /// is when a handler leaves a call of the kernel that has just succeeded.
  public func abandon<H: Host>(_ host: H, slot: Int) throws(Errno) {
    do throws(Errno) {
      try withdraw(host, slot, .interrupted)
    } catch {
      if error != .interrupted { throw error }
    }
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
      && image.load32(layout.waiter(slot) + Waiter.futex) & Futex.ownerDied != 0
    {
      // Damage: neither asleep nor finished.
      throw .identifierRemoved
    }
  }
}

/// The watch list.
///
/// The kernel wakes one waiter of a dead member's life word, so it is enough that of all sleepers
/// concerned one watches. A sleeper watches the holders of adjustments of its semaphores, and the
/// sleepers with SEM_UNDO that came before it, for these become holders while it sleeps. Whoever
/// makes a holder that no remaining sleeper can know of kicks one of them (`noteNewHolder`).
extension SemaphoreSet {
  /// Collects the life words to watch; true when one of these members has ended already.
  fileprivate func fillWatchList<H: Host>(
    _ watch: inout WatchList, slot: Int, _ host: H
  ) -> Bool {
    let shape = waiterShape(slot)
    let covered = image.load(Header.enqueueSequence)
    let future = membersSleepingWithUndo()
    let held = isHeld(slot, shape.count)
    if held || future.isEmpty == false {
      for member in 0..<memberHigh {
        guard future.contains(member) || held && holds(member, slot: slot, shape.count) else {
          continue
        }
        let pid = memberPid(member)
        if pid == 0 || pid == host.pid { continue }
        let offset = layout.member(member) + Member.life
        let life = image.load32(offset)
        let thread = life & Futex.ownerMask
        if !SemaphoreSet.vouches(life) || thread != pid && !host.threadExists(thread) {
          // The thread is gone; if the process is not, only asking tells when it goes.
          if isDead(member, host) { return true }
          watch.isIncomplete = true
          continue
        }
        watch.append(offset: offset, expected: life)
        if thread != pid { watch.mayMissDeath = true }
      }
    }
    image.store(watch.isIncomplete ? 0 : covered, layout.waiter(slot) + Waiter.armedSequence)
    return false
  }

  private func isHeld(_ slot: Int, _ count: Int) -> Bool {
    for index in 0..<count {
      let semaphore = waiterOperation(slot, count, index).semaphore
      if semaphore < layout.semaphoreCount && word(semaphore).holders != 0 { return true }
    }
    return false
  }

  private func holds(_ member: Int, slot: Int, _ count: Int) -> Bool {
    for index in 0..<count {
      let semaphore = waiterOperation(slot, count, index).semaphore
      if semaphore < layout.semaphoreCount
        && adjustmentAmount(member: member, semaphore: semaphore) != 0
      {
        return true
      }
    }
    return false
  }

  private func membersSleepingWithUndo() -> MemberBits {
    var members = MemberBits()
    for waiter in 0..<waiterHigh where isQueued(waiter) && waiterShape(waiter).usesUndo {
      members.insert(waiterOwner(waiter).member)
    }
    return members
  }
}

/// A set of member slots.
private struct MemberBits {
  private var words = InlineArray<64, UInt64>(repeating: 0)
  private(set) var isEmpty = true

  mutating func insert(_ member: Int) {
    words[member >> 6 & 63] |= 1 << UInt64(member & 63)
    isEmpty = false
  }

  func contains(_ member: Int) -> Bool {
    words[member >> 6 & 63] & 1 << UInt64(member & 63) != 0
  }
}

extension Section {
  /// The last evaluation gave somebody an adjustment where it had none. Does a remaining sleeper
  /// watch that member? It does when the member came as the sleeper in `finished` and the other armed
  /// its watch list after that; the caller itself (`finished` nil) cannot have been foreseen.
  mutating func noteNewHolder(finished: Int?) {
    guard madeHolder, let oldest = oldestSleeper() else { return }
    if let finished {
      let sequence = image.load(layout.waiter(finished) + Waiter.sequence)
      if image.load(layout.waiter(oldest) + Waiter.armedSequence) >= sequence { return }
    }
    kickSleeper(oldest)
  }

  private func oldestSleeper() -> Int? {
    Links(bits: image.load(Header.alterQueue)).next
      ?? Links(bits: image.load(Header.constQueue)).next
  }
}
