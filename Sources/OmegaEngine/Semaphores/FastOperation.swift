/// What the lock-free path made of one operation.
public enum FastResult: Sendable {
  case done
  /// The semaphore's value does not allow it now.
  case blocked
  /// ERANGE.
  case outOfRange
  /// Sleepers, a section or a death concern the semaphore: go through the lock.
  case slow
}

extension SemaphoreSet {
  /// One operation without SEM_UNDO on a semaphore that no adjustment concerns: one compare-and-swap on
  /// the semaphore's own cache line. `.slow` when it is not free; `contendedOperate` then knows more.
  ///
  /// `cell` is the layout's offset of a semaphore that was checked to exist.
  @unsafe @inlinable @inline(__always)
  public static func tryOperate(
    _ image: Image, cell: Int, amount: Int, pid: UInt32
  ) -> FastResult {
    while true {
      // SAFETY: the cell's offset is trusted, says the caller.
      let old = unsafe SemaphoreWord(bits: image.loadTrusted(cell))
      if !old.isFree { return .slow }
      let value = old.value &+ amount
      if amount == 0 ? value != 0 : value < 0 { return .blocked }
      if value > Limit.semaphoreValue { return .outOfRange }
      var new = old
      new.value = value
      new.pid = pid
      if unsafe image.exchangeTrusted(old.bits, new.bits, cell) { return .done }
    }
  }

  /// Stores the time of an operation, in seconds.
  @unsafe @inlinable @inline(__always)
  public static func noteTime(_ image: Image, cell: Int, _ now: Int64) {
    // SAFETY: as in `tryOperate`. A store only when it changed: one a second, not one a call.
    if unsafe image.loadTrusted(cell &+ Cell.otime) != UInt64(bitPattern: now) {
      unsafe image.storeTrusted(UInt64(bitPattern: now), cell &+ Cell.otime)
    }
  }

  /// One operation without SEM_UNDO, when others hold adjustments of the semaphore or have an operation
  /// in flight on it. `member` is the caller's slot or −1.
  public func contendedOperate(
    semaphore: Int, amount: Int, pid: UInt32, member: Int
  ) -> FastResult {
    while true {
      let old = word(semaphore)
      if !old.isFree && !isUsable(old, semaphore: semaphore, member: member) { return .slow }
      let value = old.value &+ amount
      if amount == 0 ? value != 0 : value < 0 {
        // A word in flight is out of date: look again.
        if old.isInFlight { continue }
        return .blocked
      }
      if old.isInFlight { continue }
      if value > Limit.semaphoreValue { return .outOfRange }
      var new = old
      new.value = value
      new.pid = pid
      if exchange(semaphore, old, new) { return .done }
    }
  }

  /// GETVAL or GETPID without the lock: the word, or nil when the slow path must settle it.
  public func fastRead(semaphore: Int, member: Int) -> SemaphoreWord? {
    while true {
      let word = word(semaphore)
      if word.isFree { return word }
      if !isUsable(word, semaphore: semaphore, member: member) { return nil }
      if !word.isInFlight { return word }
    }
  }

  /// For a word that is not free: finishes what is in flight and looks for dead holders.
  ///
  /// False sends the caller to the lock. True means that at the time of `old` nobody slept on the
  /// semaphore and all who hold adjustments of it were alive, so an `old` that is not in flight may be
  /// acted upon; if it changed since, the compare-and-swap fails and the caller looks again.
  @usableFromInline
  func isUsable(_ old: SemaphoreWord, semaphore: Int, member: Int) -> Bool {
    if old.isSlow { return false }
    if old.isSolo { return old.soloMember == member || !isSuspect(old.soloMember) }
    if old.isOneOfSeveral {
      // Its owner takes some tens of nanoseconds. If it is our own thread below a signal handler, or
      // dead or stopped, the lock's owner decides.
      return old.severalMember != member && waitsShortly(semaphore, while: old)
    }
    if old.mark != 0 {
      finish(semaphore, old)
      return true
    }
    if old.holders == 1 && member >= 0
      && adjustmentAmount(member: member, semaphore: semaphore) != 0
    {
      return true
    }
    for slot in 0..<memberHigh where slot != member && isSuspect(slot) {
      if adjustmentAmount(member: slot, semaphore: semaphore) != 0 { return false }
    }
    return true
  }

  /// Whether the word changes within some microseconds.
  private func waitsShortly(_ semaphore: Int, while old: SemaphoreWord) -> Bool {
    for _ in 0..<Image.shortWait where word(semaphore) != old { return true }
    return false
  }
}
