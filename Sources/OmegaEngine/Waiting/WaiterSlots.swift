/// `Waiter.status`, low 32 bits; the high 32 bits hold the errno of a finished call.
enum WaiterStatus {
  static var free: UInt64 { 0 }
  static var queued: UInt64 { 1 }
  static var finished: UInt64 { 2 }
}

extension IPCObject {
  /// The pid and the member slot of a sleeping call's process.
  public func waiterOwner(_ slot: Int) -> (pid: UInt32, member: Int) {
    let owner = image.load(frame.waiter(slot) + Waiter.owner)
    let member = Int(owner >> 32)
    return (UInt32(truncatingIfNeeded: owner), member < Frame.memberCapacity ? member : 0)
  }

  public func isQueued(_ slot: Int) -> Bool {
    image.load(frame.waiter(slot) + Waiter.status) & 0xFFFF_FFFF == WaiterStatus.queued
  }
}

extension Section {
  /// A free waiter slot below `limit` with memory behind it, or nil when there are too many sleepers or
  /// no memory.
  mutating func freeWaiter(below limit: Int) -> Int? {
    let high = object.waiterHigh
    // The guardian's slot is written once more at the end of the section, also when it died meanwhile.
    for slot in 0..<min(high, limit)
    where slot != guardian
      && image.load(frame.waiter(slot) + Waiter.status) == WaiterStatus.free
    {
      return slot
    }
    guard high < limit, host.claim(image, frame.waiter(high), byteCount: 256) else { return nil }
    write(UInt64(high + 1), Header.waiterHigh)
    commit()
    return high
  }

  /// Fills in what every sleeping call has. The slot is free still, so this needs no journal.
  func prepareWaiter(_ slot: Int, pid: UInt32, member: Int, sequence: UInt64) {
    let waiter = frame.waiter(slot)
    image.store32(host.tid, waiter + Waiter.thread)
    image.store(UInt64(pid) | UInt64(member) << 32, waiter + Waiter.owner)
    image.store(sequence, waiter + Waiter.sequence)
    image.store(0, waiter + Waiter.armedSequence)
    image.store(UInt64(bitPattern: host.now()), waiter + Waiter.since)
    image.store32(freshIdle(slot), waiter + Waiter.futex)
    image.store32(0, waiter + Waiter.life)
  }

  /// The transaction's part of putting a prepared call to sleep that all kinds have.
  mutating func enqueue(_ slot: Int, queue: Int, sequence: UInt64) {
    write(WaiterStatus.queued, frame.waiter(slot) + Waiter.status)
    write(sequence, Header.enqueueSequence)
    write(image.load(Header.sleeperCount) &+ 1, Header.sleeperCount)
    append(slot, queue: queue, links: Waiter.queueLinks)
  }

  /// The same for taking it out.
  mutating func dequeue(_ slot: Int, queue: Int, status: UInt64) {
    unlink(slot, queue: queue, links: Waiter.queueLinks)
    let sleepers = image.load(Header.sleeperCount)
    write(sleepers == 0 ? 0 : sleepers - 1, Header.sleeperCount)
    write(status, frame.waiter(slot) + Waiter.status)
  }

  /// Commits a sleeper's result and wakes it.
  mutating func complete(_ slot: Int, _ errno: Errno) {
    Object.dequeue(
      &self, slot,
      status: WaiterStatus.finished | UInt64(UInt32(bitPattern: errno.rawValue)) << 32)
    commit()
    wakeFinished(slot)
  }

  /// The object is removed: every sleeper returns EIDRM.
  mutating func dismissAll() {
    dismiss(Header.secondQueue)
    dismiss(Header.firstQueue)
  }

  private mutating func dismiss(_ queue: Int) {
    var steps = 0
    while let slot = Links(bits: image.load(queue)).next, steps < Frame.waiterCapacity {
      steps += 1
      complete(slot, .identifierRemoved)
    }
  }

  /// Whether the sleeper can never take what it would be given: its process or thread has ended.
  func ownerIsDead(_ slot: Int) -> Bool {
    let life = image.load32(frame.waiter(slot) + Waiter.life)
    if life & Futex.ownerDied != 0 { return true }
    let owner = object.waiterOwner(slot)
    if object.memberPid(owner.member) != owner.pid { return true }
    // The kernel marks this word at the thread's end, whatever ends it.
    if life != 0 { return false }
    if object.isDead(owner.member, host) { return true }
    let thread = image.load32(frame.waiter(slot) + Waiter.thread)
    return thread != owner.pid && thread != host.tid && host.threadIsGone(thread)
  }

  /// Takes the sleeping calls of a member's ended threads out; all of them when `member` is dead.
  mutating func dropSleepers(of member: Int, where isGone: (Int) -> Bool) {
    for waiter in 0..<object.waiterHigh where object.waiterOwner(waiter).member == member {
      guard object.isQueued(waiter) else { continue }
      if isGone(waiter) {
        Object.dequeue(&self, waiter, status: WaiterStatus.free)
        commit()
        Object.finishWithdrawal(&self, waiter)
      }
    }
  }
}
