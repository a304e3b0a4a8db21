/// What is true of an image whenever nobody is inside a section.
///
/// Read with `peek`, so that checking is no event of the simulation.
extension Simulation {
  /// The first thing wrong with the image, nil when nothing is. An object that somebody works in, or
  /// died in, is checked for what holds even then.
  package func brokenInvariant() -> String? {
    let image = world.image
    if world.state.strayAccesses != 0 {
      return "word \(world.state.strayOffset) was used without the lock"
    }
    if world.state.runsForEver { return "threads run for ever" }
    if world.state.tornMessages != 0 { return "a message was received torn" }
    let owner = image.peek32(Header.lock) & (Futex.ownerMask | Futex.ownerDied)
    if owner != 0 { return nil }
    // A lock freed by its owner: the journal is closed and nobody is owed anything.
    if image.peek(Header.journalCount) != 0 { return "the journal is open and the lock free" }
    if image.peek(Header.needsServe) != 0 {
      return "sleepers are owed a look and the lock is free"
    }
    return brokenSleepers() ?? brokenContents() ?? brokenMember() ?? brokenSlot()
  }

  package func checkInvariants(_ context: @autoclosure () -> String = "") {
    if let broken = brokenInvariant() { preconditionFailure("\(broken) \(context())") }
  }

  private func brokenContents() -> String? {
    switch world.shape {
    case .set: brokenCell()
    case .queue(let layout): brokenMessages(layout)
    }
  }

  // MARK: Sleepers

  private func brokenSleepers() -> String? {
    let queued = (0..<waiterHigh).filter { status($0) == WaiterStatus.queued }
    var first: [Int] = []
    var second: [Int] = []
    if let broken = walk(Header.firstQueue, Waiter.queueLinks, into: &first) { return broken }
    if let broken = walk(Header.secondQueue, Waiter.queueLinks, into: &second) { return broken }
    for slot in first + second where status(slot) != WaiterStatus.queued {
      return "slot \(slot) is in a queue with status \(status(slot))"
    }
    if Set(first + second).count != first.count + second.count { return "a slot is in two queues" }
    if Set(first + second) != Set(queued) { return "a sleeper is in no queue" }
    if first.contains(where: { !standsFirst($0) }) || second.contains(where: standsFirst) {
      return "a sleeper is in the wrong queue"
    }
    if !isAscending(first) || !isAscending(second) { return "a queue is out of order" }
    let image = world.image
    if image.peek(Header.sleeperCount) != UInt64(queued.count) {
      return "\(queued.count) sleepers, counted \(image.peek(Header.sleeperCount))"
    }
    guard case .set = world.shape else { return nil }
    let complex = queued.filter { shape($0).count > 1 }
    if image.peek(Header.complexCount) != UInt64(complex.count) {
      return "\(complex.count) calls of several operations, counted otherwise"
    }
    return nil
  }

  /// Whether a sleeper belongs into the first of the two queues.
  private func standsFirst(_ slot: Int) -> Bool {
    switch world.shape {
    case .set: shape(slot).alters
    case .queue: word(slot, Waiter.isSender) == 0
    }
  }

  private func isAscending(_ slots: [Int]) -> Bool {
    let sequences = slots.map { word($0, Waiter.sequence) }
    return zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 }
  }

  /// Follows a queue from its head, checking the way back.
  private func walk(_ queue: Int, _ links: Int, into slots: inout [Int]) -> String? {
    let head = Links(bits: world.image.peek(queue))
    var previous: Int?
    var next = head.next
    while let slot = next {
      if slots.count > waiterHigh { return "a queue without end" }
      if slot >= waiterHigh { return "a queue leads to slot \(slot), never used" }
      let own = Links(bits: word(slot, links))
      if own.previous != previous { return "slot \(slot) does not point back" }
      slots.append(slot)
      previous = slot
      next = own.next
    }
    return head.previous == previous ? nil : "a queue's tail is not its last"
  }

  // MARK: Semaphores

  private func brokenCell() -> String? {
    let queued = (0..<waiterHigh).filter { status($0) == WaiterStatus.queued }
    for semaphore in 0..<layout.semaphoreCount {
      let cell = layout.cell(semaphore)
      let word = SemaphoreWord(bits: world.image.peek(cell))
      if word.value > Limit.semaphoreValue { return "value \(word.value)" }
      var alter: [Int] = []
      var const: [Int] = []
      if let broken = walk(cell + Cell.alterQueue, Waiter.cellLinks, into: &alter)
        ?? walk(cell + Cell.constQueue, Waiter.cellLinks, into: &const)
      {
        return "semaphore \(semaphore): \(broken)"
      }
      let single = queued.filter {
        shape($0).count == 1 && operations($0)[0].semaphore == semaphore
      }
      if Set(single) != Set(alter + const) || single.count != alter.count + const.count {
        return "semaphore \(semaphore): its sleepers are not its queues'"
      }
      let complex = queued.filter { shape($0).count > 1 }
        .reduce(0) { $0 + operations($1).count { $0.semaphore == semaphore } }
      if world.image.peek(cell + Cell.complexReferences) != UInt64(complex) {
        return "semaphore \(semaphore): \(complex) references, counted otherwise"
      }
      if !word.isSlow && !(single.isEmpty && complex == 0) {
        return "semaphore \(semaphore): sleepers and no slow bit"
      }
      if word.epoch != epoch(semaphore) & 0xF { return "semaphore \(semaphore): epoch" }
      if !word.isInFlight, let broken = brokenHolders(semaphore, word) { return broken }
    }
    return nil
  }

  private func brokenHolders(_ semaphore: Int, _ word: SemaphoreWord) -> String? {
    let holders = (0..<memberHigh).count { adjustment($0, semaphore) != 0 }
    return word.holders == holders
      ? nil : "semaphore \(semaphore): \(holders) holders, counted \(word.holders)"
  }

  // MARK: Members and slots

  private func brokenMember() -> String? {
    var seen: Set<[UInt64]> = []
    var semaphores = 0
    if case .set(let layout) = world.shape { semaphores = layout.semaphoreCount }
    for slot in 0..<memberHigh {
      let member = frame.member(slot)
      let pid = world.image.peek(member + Member.pid)
      let start = world.image.peek(member + Member.startTime)
      if pid == 0 {
        for semaphore in 0..<semaphores where adjustment(slot, semaphore) != 0 {
          return "free member \(slot) has an adjustment"
        }
        continue
      }
      if !seen.insert([pid, start]).inserted { return "process \(pid) is a member twice" }
    }
    return nil
  }

  private func brokenSlot() -> String? {
    for slot in 0..<waiterHigh {
      let status = status(slot)
      if status > WaiterStatus.finished { return "slot \(slot) has status \(status)" }
      if status != WaiterStatus.queued
        && (word(slot, Waiter.queueLinks) != 0 || word(slot, Waiter.cellLinks) != 0)
      {
        return "slot \(slot) is in no queue and linked"
      }
      if status == WaiterStatus.free { continue }
      let owner = word(slot, Waiter.owner)
      let member = frame.member(Int(owner >> 32))
      if world.image.peek(member + Member.pid) != owner & 0xFFFF_FFFF {
        return "slot \(slot) belongs to nobody"
      }
      if let broken = lostSlot(slot) { return broken }
    }
    return nil
  }

  /// A slot whose thread lives must belong to the call that this thread is in.
  private func lostSlot(_ slot: Int) -> String? {
    let tid = world.image.peek32(frame.waiter(slot) + Waiter.thread)
    guard
      let thread = world.state.threads.indices.first(where: {
        let status = world.state.threads[$0].status
        return world.state.threads[$0].tid == tid && status != .absent && status != .dead
      })
    else { return nil }
    return world.state.threads[thread].isInCall ? nil : "slot \(slot) is lost"
  }
}
