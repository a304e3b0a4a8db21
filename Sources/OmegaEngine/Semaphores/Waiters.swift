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

  public func waiterOperation(_ slot: Int, _ count: Int, _ index: Int) -> Operation {
    Operation(bits: image.load(layout.operations(slot, count: count) + 8 * index))
  }
}

extension Section where Object == SemaphoreSet {
  /// Puts the call to sleep: a waiter slot at the tail of its queues. The caller parks afterwards.
  mutating func enqueue(
    _ request: Request, blockedAt index: Int, _ operation: (Int) -> Operation
  ) throws(Errno) -> Int {
    let count = request.count
    let isLong = count > SetLayout.inlineOperations
    guard let slot = freeWaiter(below: isLong ? SetLayout.longSlots : SetLayout.waiterCapacity),
      !isLong || claimLong(slot)
    else { throw .noMemory }
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
    prepareWaiter(slot, pid: request.pid, member: request.member, sequence: sequence)
    image.store(
      WaiterShape(count: count, alters: alters, usesUndo: undo).bits, waiter + Waiter.shape)
    setBlocked(slot, operation(index))

    enqueue(slot, queue: alters ? Header.alterQueue : Header.constQueue, sequence: sequence)
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
  fileprivate mutating func dequeue(_ slot: Int, status: UInt64) {
    let shape = set.waiterShape(slot)
    let count = shape.count
    dequeue(
      slot, queue: shape.alters ? Header.alterQueue : Header.constQueue, status: status)
    if count == 1 {
      unlink(slot, queue: cellQueue(set.waiterOperation(slot, 1, 0)), links: Waiter.cellLinks)
    } else {
      let complex = image.load(Header.complexCount)
      write(complex == 0 ? 0 : complex - 1, Header.complexCount)
      forEachSemaphore(slot, count) { section, semaphore in
        section.addReference(semaphore, -1)
      }
    }
  }

  /// Notes which operation a sleeper could not proceed with at its last evaluation.
  func setBlocked(_ slot: Int, _ operation: Operation) {
    let blocked = UInt64(operation.semaphore) | (operation.amount == 0 ? 1 << 32 : 0)
    let offset = layout.waiter(slot) + Waiter.blocked
    if image.load(offset) != blocked { image.store(blocked, offset) }
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

  private func claimLong(_ slot: Int) -> Bool {
    host.claim(image, layout.operations(slot, count: Limit.operationsPerCall), byteCount: 4096)
  }
}

extension SemaphoreSet {
  public static func dequeue<H: Host>(
    _ section: inout Section<H, SemaphoreSet>, _ slot: Int, status: UInt64
  ) {
    section.dequeue(slot, status: status)
  }

  public static func discard<H: Host>(_ section: inout Section<H, SemaphoreSet>, _ slot: Int) {
    section.write(WaiterStatus.free, section.layout.waiter(slot) + Waiter.status)
  }

  public static func finishWithdrawal<H: Host>(
    _ section: inout Section<H, SemaphoreSet>, _ slot: Int
  ) {
    let set = section.object
    let count = set.waiterShape(slot).count
    for index in 0..<count {
      let semaphore = set.waiterOperation(slot, count, index).semaphore
      if semaphore < set.layout.semaphoreCount { section.lowerSlow(semaphore) }
    }
    section.seeToWatch(after: slot)
  }
}
