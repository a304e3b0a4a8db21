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
  /// One operation without SEM_UNDO: one compare-and-swap on the semaphore's own cache line.
  ///
  /// `member` is the caller's slot or −1; `now` the time in seconds for otime.
  @inlinable @inline(__always)
  public func fastOperate(
    semaphore: Int, amount: Int, pid: UInt32, member: Int, now: Int64
  ) -> FastResult {
    while true {
      let old = word(semaphore)
      if !old.isFree && !isUsable(old, semaphore: semaphore, member: member) { return .slow }
      let value = old.value &+ amount
      if amount == 0 ? value != 0 : value < 0 { return .blocked }
      if value > Limit.semaphoreValue { return .outOfRange }
      var new = old
      new.value = value
      new.pid = pid
      if exchange(semaphore, old, new) { break }
    }
    noteTime(semaphore, now)
    return .done
  }

  /// GETVAL or GETPID without the lock: the word, or nil when the slow path must settle it.
  @inlinable @inline(__always)
  public func fastRead(semaphore: Int, member: Int) -> SemaphoreWord? {
    while true {
      let word = word(semaphore)
      if word.isFree { return word }
      if !isUsable(word, semaphore: semaphore, member: member) { return nil }
      if word.mark == 0 { return word }
    }
  }

  @inlinable @inline(__always)
  func noteTime(_ semaphore: Int, _ now: Int64) {
    let offset = layout.cell(semaphore) &+ Cell.otime
    // Only when it changed: the line is ours already, but a store a second is cheaper than one a call.
    if image.load(offset) != UInt64(bitPattern: now) {
      image.store(UInt64(bitPattern: now), offset)
    }
  }

  /// For a word that is not free: finishes what is in flight and looks for dead holders.
  ///
  /// False sends the caller to the lock. True means that at the time of `old` nobody slept on the
  /// semaphore and all who hold adjustments of it were alive, so `old` may be acted upon; if it
  /// changed since, the compare-and-swap fails and the caller looks again.
  @usableFromInline
  func isUsable(_ old: SemaphoreWord, semaphore: Int, member: Int) -> Bool {
    if old.isSlow { return false }
    if old.mark != 0 {
      finish(semaphore, old)
      return true  // `old` is out of date now, so the caller's swap fails and it looks again.
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
}
