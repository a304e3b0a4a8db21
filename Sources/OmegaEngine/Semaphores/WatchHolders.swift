/// The watch list.
///
/// The kernel wakes one waiter of a dead member's life word, and whoever is woken settles the death and
/// serves all. So it is enough that for each semaphore with holders and sleepers **one living sleeper on
/// it watches every holder of it**. A sleeper's list has the holders of its semaphores, and the sleepers
/// with SEM_UNDO that came before it was filled, for these become holders while it sleeps.
///
/// Why no death is missed: the sentence above can become false in three ways, and each is followed by
/// `seeToWatch` in the same section, which looks at the oldest living sleeper on the semaphore and kicks
/// it if its list is older than the newest holder (`Header.lastHolder`); a kicked sleeper fills its list
/// again before it waits (its word has changed).
///
/// - A call makes its member a holder: the caller's own, or that of a sleeper that is served.
/// - A sleeper leaves: served, timed out, interrupted, its process or thread dead.
/// - The section dies between the commit and the kick: the next owner of the lock makes all sleepers
///   fill their lists again (`Recovery.swift`).
///
/// A sleeper that dies while it is the one that watches leaves when that is settled, by the next section.
/// Until then a second death can be missed; the bounded wait of `Host.sleep` ends that.
extension SemaphoreSet {
  /// Collects the life words to watch; true when one of these members has ended already.
  public func fillWatchList<H: Host>(
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
        if !vouches(life) || thread != pid && !host.threadExists(thread) {
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

extension Section where Object == SemaphoreSet {
  /// Holders may be new to lists that were filled before this arrival. Of the caller itself, which
  /// nobody can have foreseen, it is the next.
  mutating func noteNewHolder(arrival: UInt64) {
    if arrival > image.load(Header.enqueueSequence) { image.store(arrival, Header.enqueueSequence) }
    if arrival > image.load(Header.lastHolder) { image.store(arrival, Header.lastHolder) }
  }

  /// Sees to it that somebody who sleeps on the semaphore watches all its holders. Called after each
  /// commit that made a holder of it or took a sleeper away.
  @inline(never)
  mutating func seeToWatch(_ semaphore: Int) {
    guard semaphore < layout.semaphoreCount, set.word(semaphore).holders != 0,
      let slot = firstSleeper(on: semaphore)
    else { return }
    // Filled after the newest holder came to be, or to sleep as one to come, the list has them all.
    if image.load(layout.waiter(slot) + Waiter.armedSequence) < image.load(Header.lastHolder) {
      kickSleeper(slot)
    }
  }

  /// The same for all semaphores of a sleeping call, which has left.
  @inline(never)
  mutating func seeToWatch(after slot: Int) {
    if image.load(Header.sleeperCount) == 0 { return }
    let count = set.waiterShape(slot).count
    for index in 0..<count { seeToWatch(set.waiterOperation(slot, count, index).semaphore) }
  }

  private func firstSleeper(on semaphore: Int) -> Int? {
    let set = set
    func names(_ slot: Int) -> Bool {
      let count = set.waiterShape(slot).count
      for index in 0..<count
      where set.waiterOperation(slot, count, index).semaphore == semaphore { return true }
      return false
    }
    let cell = layout.cell(semaphore)
    if let slot = firstLiving(cell + Cell.alterQueue, Waiter.cellLinks, where: { names($0) })
      ?? firstLiving(cell + Cell.constQueue, Waiter.cellLinks, where: { names($0) })
    {
      return slot
    }
    if image.load(cell + Cell.complexReferences) == 0 { return nil }
    return firstLiving(Header.alterQueue, Waiter.queueLinks) { names($0) }
      ?? firstLiving(Header.constQueue, Waiter.queueLinks) { names($0) }
  }
}
