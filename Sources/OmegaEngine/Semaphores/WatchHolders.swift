/// The watch list.
///
/// The kernel wakes one waiter of a dead member's life word, so it is enough that of all sleepers
/// concerned one watches. A sleeper watches the holders of adjustments of its semaphores, and the
/// sleepers with SEM_UNDO that came before it, for these become holders while it sleeps. Whoever
/// makes a holder that no remaining sleeper can know of kicks one of them (`noteNewHolder`).
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
