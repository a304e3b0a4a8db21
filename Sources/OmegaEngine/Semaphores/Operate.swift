/// A call that went through the lock.
public enum Operated: Sendable {
  case done
  /// It sleeps in this waiter slot: call `SemaphoreSet.sleep` with it.
  case asleep(slot: Int)
}

/// Whether a call that cannot proceed may wait.
public enum Patience: Sendable {
  case mayWait
  /// A timeout of zero: EAGAIN instead of sleeping.
  case none
}

extension SemaphoreSet {
  /// `semop` through the lock: several operations, or sleepers or a death concerned.
  ///
  /// The caller has checked 1 ≤ count ≤ 500 and every semaphore number. `member` must be a claimed
  /// slot when an operation uses SEM_UNDO or the call may sleep.
  public func operate<H: Host>(
    _ host: H, count: Int, member: Int, patience: Patience, _ operation: (Int) -> Operation
  ) throws(Errno) -> Operated {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    guard section.reserveJournal(3 * count + 64) else { throw .noMemory }
    for index in 0..<count { section.raiseSlow(operation(index).semaphore) }
    defer { for index in 0..<count { section.lowerSlow(operation(index).semaphore) } }

    let request = Request(count: count, pid: host.pid, member: member)
    switch section.evaluate(request, operation) {
    case .failed(let errno):
      throw errno
    case .done:
      section.finishOperation(count, operation)
      return .done
    case .blocked(let index):
      if patience == .none { throw .again }
      guard member >= 0 else { throw .noMemory }
      return .asleep(slot: try section.enqueue(request, blockedAt: index, operation))
    }
  }
}

extension Section where Object == SemaphoreSet {
  /// Commits the caller's own operations and serves the sleepers they concern.
  fileprivate mutating func finishOperation(_ count: Int, _ operation: (Int) -> Operation) {
    var alters = false
    for index in 0..<count where operation(index).amount != 0 { alters = true }
    guard alters && image.load(Header.sleeperCount) != 0 else {
      commit()
      return
    }
    write(1, Header.needsServe)
    chooseGuardian()
    commit()
    if madeHolder {
      noteNewHolder(arrival: image.load(Header.enqueueSequence) &+ 1)
      for index in 0..<count { seeToWatch(operation(index).semaphore) }
    }
    serve(count: count) { operation($0).semaphore }
  }
}
