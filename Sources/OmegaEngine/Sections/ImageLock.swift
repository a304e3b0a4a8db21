/// The set's lock: a robust futex word in the image.
///
/// | value | meaning |
/// |---|---|
/// | 0 | free |
/// | tid | owned by that thread |
/// | `Futex.waiters` | somebody may be waiting: the release must wake |
/// | `Futex.ownerDied` | set by the kernel when the owner's thread ended inside its section |
///
/// The word stands in the owner's robust list as the pending operation (`Host.protect`), so the
/// kernel marks it at the owner's death and wakes a waiter, who repairs the image from the journal.
struct ImageLock<H: Host> {
  enum Acquired { case clean, fromDead }

  /// Bounded waits for one owner, and for all together, before the lock is called damaged: a scribbled
  /// word names a thread that lives and never leaves. The second is large, for in a crowd each of
  /// thousands of threads may be quicker.
  static var patience: Int { 200 }
  static var crowdPatience: Int { 100_000 }

  /// Acquires the lock for the calling thread; nil when the word never gets free.
  ///
  /// `dead`, when not 0, is a thread known to have ended, from whom the lock may be taken.
  static func acquire(_ image: Image, _ host: H, dead: UInt32) -> Acquired? {
    let offset = Header.lock
    let me = host.tid
    var waited: UInt32 = 0
    var turns = 0
    var waits = 0
    var waitsForOwner = 0
    var lastOwner: UInt32 = 0
    host.protect(image, offset)
    while true {
      let word = image.load32(offset)
      let owner = word & Futex.ownerMask
      if owner == 0 && word & Futex.ownerDied == 0 {
        // Acquire: what the last owner released is visible. Keep `waiters` when we waited ourselves,
        // for others may wait behind us.
        host.crashPoint()
        if image.exchange32(word, me | waited | word & Futex.waiters, offset) { return .clean }
        continue
      }
      // `owner == me`: a scribbled word, or a section of this thread that never ended; both are
      // repaired as a death, because signal handlers do not run inside sections.
      if word & Futex.ownerDied != 0 || owner == dead || owner == me {
        host.crashPoint()
        if image.exchange32(word, me | Futex.waiters, offset) { return .fromDead }
        continue
      }
      turns += 1
      if turns < host.spinTurns {
        host.pause()
        continue
      }
      if host.threadIsGone(owner) {
        if image.exchange32(word, me | Futex.waiters, offset) { return .fromDead }
        continue
      }
      waits += 1
      waitsForOwner = owner == lastOwner ? waitsForOwner + 1 : 0
      lastOwner = owner
      if waitsForOwner > patience || waits > crowdPatience { return nil }
      // No wake-up is lost: the release swaps the word to 0 and wakes when it saw `waiters`; it is set
      // here before the wait, and the wait starts only if the word still holds it.
      let expected = word | Futex.waiters
      if word == expected || image.exchange32(word, expected, offset) {
        waited = Futex.waiters
        // Woken: it was free meanwhile, so its owner is none that never leaves.
        if host.waitForLock(image, offset, expected: expected) == .woken { waitsForOwner = 0 }
      }
    }
  }

  /// Releases the lock and wakes one who waits for it.
  static func release(_ image: Image, _ host: H) {
    host.crashPoint()
    // Release: the section's stores are visible before the lock is free. Killed between the swap and
    // the wake, the kernel finds 0 in the pending word and wakes a waiter itself.
    let old = image.swap32(0, Header.lock)
    if old & Futex.waiters != 0 { host.wake(image, Header.lock, count: 1) }
  }
}
