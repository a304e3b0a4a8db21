/// When no thread can run: who sleeps, and whether it should.
extension Simulation {
  var readyThreads: [Int] {
    world.state.threads.indices.filter { world.state.threads[$0].status == .ready }
  }

  /// Lets bounded waits end, until that changes nothing: a thread that waits for the lock asks about
  /// its owner, a sleeper with an incomplete watch list looks around. Counts what they did.
  package func endBoundedWaits() {
    for _ in 0..<8 {
      settle()
      var roused = false
      for thread in world.state.threads.indices {
        if world.state.threads[thread].status == .waitingForLock {
          world.state.boundedLockWaits += 1
          world.rouse(thread, .lookAround)
          roused = true
        } else if world.state.threads[thread].status == .sleeping
          && world.state.threads[thread].looksAround
        {
          world.state.lookArounds += 1
          world.rouse(thread, .lookAround)
          roused = true
        }
      }
      if !roused { return }
    }
    settle()
  }

  /// A call that sleeps although it could go on, or although it is finished: a lost wake-up. Asked
  /// when no thread can run.
  package func forgottenSleeper() -> String? {
    for thread in world.state.threads.indices
    where world.state.threads[thread].status == .waitingForLock {
      return "thread \(thread) waits for the lock for ever"
    }
    let isLive = ObjectState.of(settled(Header.state)) == ObjectState.live
    for thread in world.state.threads.indices
    where world.state.threads[thread].status == .sleeping {
      guard let slot = slot(of: thread) else { return "thread \(thread) sleeps in no slot" }
      if status(slot) != WaiterStatus.queued { return "thread \(thread) sleeps on, finished" }
      if !isLive { return "thread \(thread) sleeps on in a removed object" }
      if let whatFor = canGoOn(slot) {
        return "thread \(thread) sleeps and could go on: \(whatFor)"
      }
    }
    return nil
  }

  /// The waiter slot of a sleeping thread: the word that it waits on first.
  private func slot(of thread: Int) -> Int? {
    let tid = world.state.threads[thread].tid
    return (0..<waiterHigh).first {
      status($0) != WaiterStatus.free
        && world.image.peek32(frame.waiter($0) + Waiter.thread) == tid
    }
  }

  /// What lets the sleeping call go on, nil when nothing does.
  private func canGoOn(_ slot: Int) -> String? {
    switch world.shape {
    case .set:
      let values = effectiveValues()
      return isBlocked(slot, values) ? nil : "\(operations(slot)) on \(values)"
    case .queue: return canGoOnInQueue(slot)
    }
  }

  /// Whether the call would not succeed. One that would fail now may sleep on, as on Linux, when the
  /// change did not concern it.
  private func isBlocked(_ slot: Int, _ values: [Int]) -> Bool {
    var values = values
    for operation in operations(slot) {
      let value = values[operation.semaphore] + operation.amount
      if operation.amount == 0 ? value != 0 : value < 0 || value > Limit.semaphoreValue {
        return true
      }
      values[operation.semaphore] = value
    }
    return false
  }
}
