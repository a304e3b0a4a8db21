/// What the kernel cannot show of its own semaphores: who sleeps on which operation since when, and
/// who holds adjustments.
extension SemaphoreSet {
  /// Shows the whole set at one instant, the dead settled first; returns its status.
  ///
  /// Calls `semaphore` for every index in order, then `sleeper` for every sleeping call (in no
  /// order; see `Sleeper.sequence`) and `holder` for every adjustment that is not 0. All run inside
  /// the set's section with signals blocked, so they only take notes.
  public func inspect<H: Host>(
    _ host: H, semaphore: (Int, SemaphoreWord) -> Void, sleeper: (Sleeper) -> Void,
    holder: (Holder) -> Void
  ) throws(Errno) -> SetStatus {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.raiseAll()  // Also finishes what is in flight, so adjustments and values agree.
    for index in 0..<layout.semaphoreCount { semaphore(index, word(index)) }
    for slot in 0..<waiterHigh where isQueued(slot) && !section.ownerIsDead(slot) {
      sleeper(Sleeper(set: self, slot: slot))
    }
    for slot in 0..<memberHigh where memberPid(slot) != 0 { forEachAdjustment(of: slot, holder) }
    section.lowerAll()
    return statusNow()
  }

  private func forEachAdjustment(of slot: Int, _ body: (Holder) -> Void) {
    for index in 0..<layout.semaphoreCount where word(index).holders != 0 {
      let amount = adjustmentAmount(member: slot, semaphore: index)
      if amount != 0 { body(Holder(pid: memberPid(slot), semaphore: index, amount: amount)) }
    }
  }
}

/// One process's adjustment (semadj) of one semaphore: added to its value when the process ends.
public struct Holder: Equatable, Sendable {
  public var pid: UInt32
  public var semaphore: Int
  public var amount: Int
}

/// A sleeping call. Valid only inside the callback that it was given to.
public struct Sleeper {
  public let pid: UInt32
  public let tid: UInt32
  /// CLOCK_REALTIME in seconds at which it went to sleep.
  public let since: Int64
  /// Calls that came earlier have lower numbers.
  public let sequence: UInt64
  /// Number of its operations, 1…500.
  public let operationCount: Int
  /// The semaphore it is counted for in GETNCNT or GETZCNT (`waitsForZero`).
  public let semaphore: Int
  public let waitsForZero: Bool
  private let set: SemaphoreSet
  private let slot: Int

  fileprivate init(set: SemaphoreSet, slot: Int) {
    self.set = set
    self.slot = slot
    let waiter = set.layout.waiter(slot)
    pid = set.waiterOwner(slot).pid
    tid = set.image.load32(waiter + Waiter.thread)
    since = Int64(bitPattern: set.image.load(waiter + Waiter.since))
    sequence = set.image.load(waiter + Waiter.sequence)
    operationCount = set.waiterShape(slot).count
    let blocked = set.image.load(waiter + Waiter.blocked)
    semaphore = Int(blocked & 0xFFFF)
    waitsForZero = blocked >> 32 != 0
  }

  public func operation(_ index: Int) -> Operation {
    set.waiterOperation(slot, operationCount, index)
  }

  /// Index of the operation it blocks on: of those that fit `semaphore` and `waitsForZero`, the
  /// first that cannot proceed on running values.
  ///
  /// The image keeps only the semaphore and the kind, as GETNCNT and GETZCNT need no more.
  public var blockedIndex: Int {
    var first: Int?
    var before = 0  // What the earlier operations would have added to the semaphore.
    for index in 0..<operationCount where operation(index).semaphore == semaphore {
      let amount = operation(index).amount
      if (amount == 0) == waitsForZero && amount <= 0 {
        first = first ?? index
        let value = set.word(semaphore).value + before
        if amount == 0 ? value != 0 : value + amount < 0 { return index }
      }
      before += amount
    }
    return first ?? 0
  }
}
