/// `Waiter.status`, low 32 bits; the high 32 bits hold the errno of a finished call.
enum WaiterStatus {
  static var free: UInt64 { 0 }
  static var queued: UInt64 { 1 }
  static var finished: UInt64 { 2 }
}

/// `Waiter.shape`: how many operations a sleeping call has and what kind it is.
public struct WaiterShape {
  public var bits: UInt64
  public init(bits: UInt64) { self.bits = bits }
  init(count: Int, alters: Bool, usesUndo: Bool) {
    bits = UInt64(count) | (alters ? 1 << 32 : 0) | (usesUndo ? 1 << 33 : 0)
  }
  /// 1…500, whatever the image says.
  public var count: Int { Int(min(max(bits & 0xFFFF_FFFF, 1), UInt64(Limit.operationsPerCall))) }
  public var alters: Bool { bits & 1 << 32 != 0 }
  public var usesUndo: Bool { bits & 1 << 33 != 0 }
}

extension SemaphoreSet {
  public func waiterShape(_ slot: Int) -> WaiterShape {
    WaiterShape(bits: image.load(layout.waiter(slot) + Waiter.shape))
  }

  /// The pid and the member slot of a sleeping call's process.
  public func waiterOwner(_ slot: Int) -> (pid: UInt32, member: Int) {
    let owner = image.load(layout.waiter(slot) + Waiter.owner)
    let member = Int(owner >> 32)
    return (UInt32(truncatingIfNeeded: owner), member < SetLayout.memberCapacity ? member : 0)
  }

  public func waiterOperation(_ slot: Int, _ count: Int, _ index: Int) -> Operation {
    Operation(bits: image.load(layout.operations(slot, count: count) + 8 * index))
  }

  public func isQueued(_ slot: Int) -> Bool {
    image.load(layout.waiter(slot) + Waiter.status) & 0xFFFF_FFFF == WaiterStatus.queued
  }
}

extension Section {
  /// Puts the call to sleep: a waiter slot at the tail of its queues. The caller parks afterwards.
  mutating func enqueue(
    _ request: Request, blockedAt index: Int, _ operation: (Int) -> Operation
  ) throws(Errno) -> Int {
    let count = request.count
    guard let slot = freeWaiter(long: count > SetLayout.inlineOperations) else { throw .noMemory }
    let waiter = layout.waiter(slot)
    var alters = false
    var undo = false
    let operations = layout.operations(slot, count: count)
    for position in 0..<count {
      let current = operation(position)
      alters = alters || current.amount != 0
      undo = undo || current.usesUndo
      image.store(current.bits, operations + 8 * position)
    }
    let sequence = image.load(Header.enqueueSequence) &+ 1
    image.store32(host.tid, waiter + Waiter.thread)
    image.store(UInt64(request.pid) | UInt64(request.member) << 32, waiter + Waiter.owner)
    image.store(
      WaiterShape(count: count, alters: alters, usesUndo: undo).bits, waiter + Waiter.shape)
    image.store(sequence, waiter + Waiter.sequence)
    image.store(0, waiter + Waiter.armedSequence)
    image.store(UInt64(bitPattern: host.now()), waiter + Waiter.since)
    image.store32(freshIdle(slot), waiter + Waiter.futex)
    image.store32(0, waiter + Waiter.life)
    setBlocked(slot, operation(index))

    write(WaiterStatus.queued, waiter + Waiter.status)
    write(sequence, Header.enqueueSequence)
    write(image.load(Header.sleeperCount) &+ 1, Header.sleeperCount)
    append(
      slot, queue: alters ? Header.alterQueue : Header.constQueue, links: Waiter.queueLinks)
    if count == 1 {
      append(slot, queue: cellQueue(operation(0)), links: Waiter.cellLinks)
    } else {
      write(image.load(Header.complexCount) &+ 1, Header.complexCount)
      forEachSemaphore(slot, count) { section, semaphore in
        section.addReference(semaphore, 1)
      }
    }
    commit()
    return slot
  }

  /// Takes a sleeping call out of all queues and sets its status, within the open transaction.
  mutating func dequeue(_ slot: Int, status: UInt64) {
    let shape = set.waiterShape(slot)
    let count = shape.count
    unlink(
      slot, queue: shape.alters ? Header.alterQueue : Header.constQueue, links: Waiter.queueLinks)
    if count == 1 {
      unlink(slot, queue: cellQueue(set.waiterOperation(slot, 1, 0)), links: Waiter.cellLinks)
    } else {
      let complex = image.load(Header.complexCount)
      write(complex == 0 ? 0 : complex - 1, Header.complexCount)
      forEachSemaphore(slot, count) { section, semaphore in
        section.addReference(semaphore, -1)
      }
    }
    let sleepers = image.load(Header.sleeperCount)
    write(sleepers == 0 ? 0 : sleepers - 1, Header.sleeperCount)
    write(status, layout.waiter(slot) + Waiter.status)
  }

  /// Notes which operation a sleeper could not proceed with at its last evaluation.
  func setBlocked(_ slot: Int, _ operation: Operation) {
    let blocked = UInt64(operation.semaphore) | (operation.amount == 0 ? 1 << 32 : 0)
    let offset = layout.waiter(slot) + Waiter.blocked
    if image.load(offset) != blocked { image.store(blocked, offset) }
  }

  /// Whether the sleeper can never take what it would be given: its process or thread has ended.
  func ownerIsDead(_ slot: Int) -> Bool {
    let life = image.load32(layout.waiter(slot) + Waiter.life)
    if life & Futex.ownerDied != 0 { return true }
    let owner = set.waiterOwner(slot)
    if set.memberPid(owner.member) != owner.pid { return true }
    // The kernel marks this word at the thread's end, whatever ends it.
    if life != 0 { return false }
    if set.isDead(owner.member, host) { return true }
    let thread = image.load32(layout.waiter(slot) + Waiter.thread)
    return thread != owner.pid && thread != host.tid && host.threadIsGone(thread)
  }

  /// Takes the sleeping calls of a member's ended threads out; all of them when `member` is dead.
  mutating func dropSleepers(of member: Int, where isGone: (Int) -> Bool) {
    for waiter in 0..<set.waiterHigh where set.waiterOwner(waiter).member == member {
      guard set.isQueued(waiter) else { continue }
      if isGone(waiter) {
        dequeue(waiter, status: WaiterStatus.free)
        commit()
      }
    }
  }

  /// The semaphore's queue for a sleeper with this single operation.
  func cellQueue(_ operation: Operation) -> Int {
    let semaphore = operation.semaphore < layout.semaphoreCount ? operation.semaphore : 0
    return layout.cell(semaphore) + (operation.amount == 0 ? Cell.constQueue : Cell.alterQueue)
  }

  private mutating func addReference(_ semaphore: Int, _ change: Int) {
    let offset = layout.cell(semaphore) + Cell.complexReferences
    write(UInt64(bitPattern: Int64(bitPattern: image.load(offset)) &+ Int64(change)), offset)
  }

  private mutating func forEachSemaphore(
    _ slot: Int, _ count: Int, _ body: (inout Section, Int) -> Void
  ) {
    for index in 0..<count {
      let semaphore = set.waiterOperation(slot, count, index).semaphore
      if semaphore < layout.semaphoreCount { body(&self, semaphore) }
    }
  }

  /// A free waiter slot with memory behind it, or nil when there are too many sleepers or no memory.
  private mutating func freeWaiter(long: Bool) -> Int? {
    let high = set.waiterHigh
    let limit = long ? SetLayout.longSlots : SetLayout.waiterCapacity
    // The guardian's slot is written once more at the end of the section, also when it died meanwhile.
    for slot in 0..<min(high, limit)
    where slot != guardian
      && image.load(layout.waiter(slot) + Waiter.status) == WaiterStatus.free
    {
      return long && !claimLong(slot) ? nil : slot
    }
    guard high < limit else { return nil }
    guard host.claim(image, layout.waiter(high), byteCount: 256) else { return nil }
    if long && !claimLong(high) { return nil }
    write(UInt64(high + 1), Header.waiterHigh)
    commit()
    return high
  }

  private func claimLong(_ slot: Int) -> Bool {
    host.claim(image, layout.operations(slot, count: Limit.operationsPerCall), byteCount: 4096)
  }
}
