/// What happens when a sleeper may go on: the waker performs the sleeper's operations, charges the
/// sleeper's undo record, stores the sleeper's pid, and only then wakes it (semantics B2.9–B2.11).
extension Section where Object == SemaphoreSet {
  /// Serves the queues after a committed change of the semaphores named by `semaphore`.
  ///
  /// With single-operation sleepers only, the queues of these semaphores are enough; otherwise all
  /// are looked at.
  mutating func serve(count: Int, _ semaphore: (Int) -> Int) {
    if image.load(Header.complexCount) == 0 {
      for index in 0..<count { serveCell(semaphore(index)) }
    } else {
      var gotZero = false
      for index in 0..<count where set.word(semaphore(index)).value == 0 { gotZero = true }
      serveAll(gotZero)
    }
    finishServing()
  }

  /// Serves everybody: after SETVAL, SETALL, an exit-time undo, a recovery, a removal.
  mutating func serveEverybody() {
    if isLive {
      var gotZero = false
      for index in 0..<layout.semaphoreCount where set.word(index).value == 0 { gotZero = true }
      serveAll(gotZero)
    } else {
      dismissAll()
    }
    finishServing()
  }

  private func finishServing() {
    host.crashPoint()
    image.store(0, Header.needsServe)
  }

  /// One semaphore's queues: wait-for-zero calls first whenever it is 0, then the others oldest first.
  private mutating func serveCell(_ semaphore: Int) {
    let cell = layout.cell(semaphore)
    if set.word(semaphore).value == 0 { _ = scan(cell + Cell.constQueue, Waiter.cellLinks) }
    var slot = Links(bits: image.load(cell + Cell.alterQueue)).next
    var steps = 0
    while let candidate = slot, steps < SetLayout.waiterCapacity {
      steps += 1
      // Taken before the candidate leaves its queue. Serving wait-for-zero calls leaves this one alone.
      slot = Links(bits: image.load(layout.waiter(candidate) + Waiter.cellLinks)).next
      guard attempt(candidate) else { continue }
      if set.word(semaphore).value == 0 { _ = scan(cell + Cell.constQueue, Waiter.cellLinks) }
    }
  }

  /// The set's queues: all wait-for-zero calls if a changed semaphore is 0, then the others oldest
  /// first, again from the start after each success.
  ///
  /// Looking at wait-for-zero calls only then is visible: an evaluation moves the semaphore on which a
  /// call of several operations is counted (do_smart_wakeup_zero in ipc/sem.c).
  private mutating func serveAll(_ changedToZero: Bool) {
    var gotZero = changedToZero
    for _ in 0...SetLayout.waiterCapacity {
      if gotZero { _ = scan(Header.constQueue, Waiter.queueLinks) }
      guard let finished = serveOldest() else { return }
      let count = set.waiterShape(finished).count
      gotZero = false
      for index in 0..<count {
        let semaphore = set.waiterOperation(finished, count, index).semaphore
        if semaphore < layout.semaphoreCount && set.word(semaphore).value == 0 { gotZero = true }
      }
    }
  }

  /// Completes the oldest alter sleeper that can proceed; its slot.
  ///
  /// The sleeper may have gone on and its slot be free by the time the caller reads its operations; it
  /// is not reused before this section ends.
  private mutating func serveOldest() -> Int? {
    var slot = Links(bits: image.load(Header.alterQueue)).next
    var steps = 0
    while let candidate = slot, steps < SetLayout.waiterCapacity {
      steps += 1
      slot = Links(bits: image.load(layout.waiter(candidate) + Waiter.queueLinks)).next
      if attempt(candidate) { return candidate }
    }
    return nil
  }

  /// Tries every sleeper of a queue once, oldest first.
  private mutating func scan(_ queue: Int, _ links: Int) -> Bool {
    var any = false
    var slot = Links(bits: image.load(queue)).next
    var steps = 0
    while let candidate = slot, steps < SetLayout.waiterCapacity {
      steps += 1
      slot = Links(bits: image.load(layout.waiter(candidate) + links)).next
      if attempt(candidate) { any = true }
    }
    return any
  }

  /// Evaluates a sleeper's call; completes it when that succeeds or fails. True unless it sleeps on.
  private mutating func attempt(_ slot: Int) -> Bool {
    guard set.isQueued(slot) else { return false }
    let shape = set.waiterShape(slot)
    let owner = set.waiterOwner(slot)
    let request = Request(count: shape.count, pid: owner.pid, member: owner.member)
    let set = set
    func operation(_ index: Int) -> Operation { set.waiterOperation(slot, request.count, index) }
    switch evaluate(request, { operation($0) }) {
    case .blocked(let index):
      setBlocked(slot, operation(index))
      return false
    case .failed(let errno):
      complete(slot, errno)
      seeToWatch(after: slot)
    case .done:
      // Nothing is ever granted to the dead. Asked last, because it may cost a system call.
      if ownerIsDead(slot) {
        rollback()
        SemaphoreSet.dequeue(&self, slot, status: WaiterStatus.free)
        commit()
        seeToWatch(after: slot)
        return false
      }
      complete(slot, .success)
      if madeHolder { noteNewHolder(arrival: image.load(layout.waiter(slot) + Waiter.sequence)) }
      seeToWatch(after: slot)
    }
    return true
  }
}

extension SemaphoreSet {
  public static func serveEverybody<H: Host>(_ section: inout Section<H, SemaphoreSet>) {
    section.serveEverybody()
  }
}
