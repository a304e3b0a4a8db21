/// Sending through the lock: sleepers or a death concerned, or no stock.
extension MessageQueue {
  /// msgsnd up to its end or its sleep. `copy` fills the payload.
  ///
  /// The caller has checked type ≥ 1, the size and that it may write. `member` must be a claimed slot
  /// when the call may sleep. Throws EAGAIN, EIDRM or ENOMEM.
  public func send<H: Host>(
    _ host: H, member: Int, type: Int64, size: Int, patience: Patience,
    copy: (ImageBytes) -> Void
  ) throws(Errno) -> Operated {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    let fits = counts.fits(size, queueBytes)
    if !fits && patience == .none { throw .again }
    section.chooseGuardianOfReceivers()
    if fits { section.refuseTooSmall(type: type, size: size) }
    guard let cell = section.takeCell(CellClass.of(size)) else {
      section.rollback()
      throw .noMemory
    }
    fill(cell, type: type, size: size, copy)
    if fits {
      do throws(Errno) {
        try section.deliver(cell, type: type, size: size, pid: host.pid)
        return .done
      } catch {
        section.rollback()
        throw error
      }
    }
    return .asleep(slot: try section.enqueueSender(cell, member: member))
  }

  /// A call of a finished sleeper has read its result: its slot and cell are free.
  public func release<H: Host>(_ host: H, slot: Int) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    MessageQueue.discard(&section, slot)
    section.commit()
  }
}

extension Section where Object == MessageQueue {
  /// Somebody sleeps who may be given a message: he gets a guardian before anything is committed.
  mutating func chooseGuardianOfReceivers() {
    if image.load(Header.receivers) != 0 { chooseGuardian() }
  }

  /// Gives a filled cell, taken within the open transaction, to the receiver that has waited longest for
  /// such a message, or queues it; commits. Throws ENOMEM, with the transaction open. Those whose buffer
  /// is too small have been refused before.
  mutating func deliver(_ cell: Int, type: Int64, size: Int, pid: UInt32) throws(Errno) {
    let now = host.now()
    let queue = queue
    var slot = Links(bits: image.load(Header.receivers)).next
    var steps = 0
    while let receiver = slot, steps < Frame.waiterCapacity {
      steps += 1
      slot = Links(bits: image.load(frame.waiter(receiver) + Waiter.queueLinks)).next
      let request = request(ofWaiter: receiver)
      guard queue.isQueued(receiver), request.matches(type) else { continue }
      // Nothing is ever granted to the dead; they leave in `refuseTooSmall`. Asked last, because it may
      // cost a system call.
      if size > request.capacity && !request.cuts || ownerIsDead(receiver) { continue }
      write(UInt64(cell), frame.waiter(receiver) + Waiter.cell)
      queue.stamp(Header.lastSend, pid: pid, time: now, &self)
      // Linux stores the receiver's thread here, and its process in a receive without sleep.
      let thread = image.load32(frame.waiter(receiver) + Waiter.thread)
      queue.stamp(Header.lastReceive, pid: thread, time: now, &self)
      complete(receiver, .success)
      return
    }
    let leaf = queue.find(type: type)
    var nodes = Ends(first: 0, last: 0)
    if leaf == 0 {
      guard let first = takeCell(0), let last = takeCell(0) else { throw .noMemory }
      nodes = Ends(first: first, last: last)
    }
    queue.link(cell, type: type, size: size, leaf: leaf, nodes: nodes, &self)
    queue.stamp(Header.lastSend, pid: pid, time: now, &self)
    commit()
  }

  /// Receivers that a message would go to but for the size of their buffer return E2BIG, up to the one
  /// that takes it (semantics B3.5). Dead ones before it leave, each in a transaction of its own, for
  /// there may be more of them than the journal has room for.
  mutating func refuseTooSmall(type: Int64, size: Int) {
    var slot = Links(bits: image.load(Header.receivers)).next
    var steps = 0
    while let receiver = slot, steps < Frame.waiterCapacity {
      steps += 1
      slot = Links(bits: image.load(frame.waiter(receiver) + Waiter.queueLinks)).next
      let request = request(ofWaiter: receiver)
      guard queue.isQueued(receiver), request.matches(type) else { continue }
      if ownerIsDead(receiver) {
        Object.dequeue(&self, receiver, status: WaiterStatus.free)
        commit()
      } else if size > request.capacity && !request.cuts {
        complete(receiver, .argumentListTooLong)
      } else {
        return
      }
    }
  }

  /// Puts a sender to sleep with its message, taken within the open transaction.
  fileprivate mutating func enqueueSender(_ cell: Int, member: Int) throws(Errno) -> Int {
    // A free slot is found with no transaction open; the cell is the slot's from then on.
    guard member >= 0 else {
      rollback()
      throw .noMemory
    }
    let sequence = image.load(Header.enqueueSequence) &+ 1
    guard let slot = freeWaiterKeepingTransaction() else {
      rollback()
      throw .noMemory
    }
    prepareWaiter(slot, pid: host.pid, member: member, sequence: sequence)
    image.store(1, frame.waiter(slot) + Waiter.isSender)
    image.store(object.stateWord, frame.waiter(slot) + Waiter.state)
    write(UInt64(cell), frame.waiter(slot) + Waiter.cell)
    enqueue(slot, queue: Header.senders, sequence: sequence)
    commit()
    return slot
  }

  /// As `freeWaiter`, which commits when it raises the number of slots: that is part of this
  /// transaction here.
  private mutating func freeWaiterKeepingTransaction() -> Int? {
    let high = object.waiterHigh
    for slot in 0..<high
    where slot != guardian
      && image.load(frame.waiter(slot) + Waiter.status) == WaiterStatus.free
    {
      return slot
    }
    guard high < Frame.waiterCapacity,
      host.claim(image, frame.waiter(high), byteCount: 256)
    else { return nil }
    write(UInt64(high + 1), Header.waiterHigh)
    return high
  }
}
