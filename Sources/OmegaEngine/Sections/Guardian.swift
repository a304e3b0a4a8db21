/// The guardian: a sleeper who takes over when the thread that works for sleepers dies.
///
/// A section that is about to owe sleepers something makes one of them its guardian before it
/// commits: the guardian's futex word gets the worker's thread id and becomes the worker's pending
/// robust word. If the worker dies, the kernel sets `Futex.ownerDied` in it and wakes the guardian,
/// who takes the lock from the dead thread, recovers, and so does the rest of the work.
///
/// A sleeper's futex word:
///
/// | value | meaning |
/// |---|---|
/// | 0 | finished: the status holds the result |
/// | `Futex.idle` + count | asleep; the count changes with every kick |
/// | `Futex.waiters` + tid | asleep, guardian of that thread |
/// | `Futex.ownerDied` … | that thread died: recover |
extension Section {
  /// Chooses the oldest living sleeper as guardian. Call before the commit that owes sleepers a look.
  mutating func chooseGuardian() {
    if guardian >= 0 || image.load(Header.sleeperCount) == 0 { return }
    guard let slot = firstLivingSleeper() else { return }
    let futex = frame.waiter(slot) + Waiter.futex
    // From here on our death is the guardian's business, no longer that of those who wait for the lock;
    // these find a dead owner when their bounded wait ends, unless the guardian was quicker. In this
    // order: a sleeper that reads our id in its word can rely on being woken.
    host.protect(image, futex)
    host.crashPoint()
    image.store32(host.tid | Futex.waiters, futex)
    host.crashPoint()
    guardian = slot
    guardianIsFinished = false
  }

  /// The last act for the sleepers: lets the guardian go, to its result or back to sleep.
  mutating func releaseGuardian() {
    if guardian < 0 { return }
    let futex = frame.waiter(guardian) + Waiter.futex
    host.crashPoint()
    if guardianIsFinished {
      // Killed after the store, the kernel finds 0 in our pending word and wakes the guardian.
      image.store32(0, futex)
      host.crashPoint()
      host.wake(image, futex, count: 1)
    } else {
      image.store32(freshIdle(guardian), futex)
    }
    host.protect(image, Header.lock)
    guardian = -1
  }

  /// Wakes a sleeper whose result is committed; the guardian's turn comes in `releaseGuardian`.
  mutating func wakeFinished(_ slot: Int) {
    if slot == guardian {
      guardianIsFinished = true
      return
    }
    let futex = frame.waiter(slot) + Waiter.futex
    host.crashPoint()
    // No wake-up is lost: the sleeper waits only while the word is not 0.
    image.store32(0, futex)
    host.crashPoint()
    host.wake(image, futex, count: 1)
  }

  /// A queued sleeper's word that still tells of a death, which is dealt with by now.
  func clearDeath(_ slot: Int) {
    let futex = frame.waiter(slot) + Waiter.futex
    if image.load32(futex) & Futex.ownerDied != 0 { image.store32(freshIdle(slot), futex) }
  }

  /// An idle word that differs from all recent ones of the slot.
  func freshIdle(_ slot: Int) -> UInt32 {
    let kicks = frame.waiter(slot) + Waiter.kicks
    let count = (image.load32(kicks) &+ 1) & 0xFF_FFFF
    image.store32(count, kicks)
    return Futex.idle | count
  }

  /// Makes the sleeper look at its watch list again when the section ends.
  mutating func kickSleeper(_ slot: Int) {
    if slot == kick { return }
    // Usually there is one: it is woken at the end, when it need not wait for us.
    if kick >= 0 { host.wake(image, frame.waiter(kick) + Waiter.futex, count: 1) }
    if slot != guardian {
      image.store32(freshIdle(slot), frame.waiter(slot) + Waiter.futex)
    }
    kick = slot
  }

  private func firstLivingSleeper() -> Int? {
    firstLiving(Header.firstQueue, Waiter.queueLinks) { _ in true }
      ?? firstLiving(Header.secondQueue, Waiter.queueLinks) { _ in true }
  }

  /// The oldest living sleeper of a queue that `fits`.
  @inline(never)
  func firstLiving(_ queue: Int, _ links: Int, where fits: (Int) -> Bool) -> Int? {
    var slot = Links(bits: image.load(queue)).next
    var steps = 0
    while let candidate = slot, steps < Frame.waiterCapacity {
      if fits(candidate) && !ownerIsDead(candidate) { return candidate }
      slot = Links(bits: image.load(frame.waiter(candidate) + links)).next
      steps += 1
    }
    return nil
  }
}
