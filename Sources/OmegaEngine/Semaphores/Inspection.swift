/// What a set tells about itself. All of these settle the dead first, so they return what Linux would.
extension SemaphoreSet {
  /// Runs `body` with every semaphore held still.
  public func snapshot<H: Host>(_ host: H, _ body: (SemaphoreSet) -> Void) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.raiseAll()
    body(self)
    section.lowerAll()
  }

  /// GETVAL and GETPID through the lock.
  public func settledRead<H: Host>(_ host: H, semaphore: Int) throws(Errno) -> SemaphoreWord {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.raiseSlow(semaphore)
    let word = word(semaphore)
    section.lowerSlow(semaphore)
    return word
  }

  /// GETNCNT and GETZCNT: the sleeping calls whose first operation that could not proceed at its last
  /// evaluation is on this semaphore (semantics B1.6).
  public func sleeperCounts<H: Host>(
    _ host: H, semaphore: Int
  ) throws(Errno) -> (increase: Int, zero: Int) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    var increase = 0
    var zero = 0
    for slot in 0..<waiterHigh where isQueued(slot) {
      if section.ownerIsDead(slot) {
        SemaphoreSet.dequeue(&section, slot, status: WaiterStatus.free)
        section.commit()
        continue
      }
      let blocked = image.load(layout.waiter(slot) + Waiter.blocked)
      guard blocked & 0xFFFF_FFFF == UInt64(semaphore) else { continue }
      if blocked >> 32 != 0 { zero += 1 } else { increase += 1 }
    }
    return (increase, zero)
  }

  /// The header's words as `semctl(IPC_STAT)` shows them.
  public func status<H: Host>(_ host: H) throws(Errno) -> SetStatus {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    return statusNow()
  }

  /// As `status`, without the lock: for permission checks and listings.
  public func statusNow() -> SetStatus {
    var otime = Int64(bitPattern: image.load(Header.otime))
    for semaphore in 0..<layout.semaphoreCount {
      otime = max(otime, Int64(bitPattern: image.load(layout.cell(semaphore) + Cell.otime)))
    }
    return SetStatus(
      identifier: Int32(truncatingIfNeeded: image.load(Header.identifier)),
      key: Int32(truncatingIfNeeded: image.load(Header.key)),
      permissions: permissions, semaphoreCount: layout.semaphoreCount,
      otime: otime, ctime: Int64(bitPattern: image.load(Header.ctime)))
  }
}

/// `struct semid_ds` without its layout.
public struct SetStatus: Sendable {
  public var identifier: Int32
  public var key: Int32
  public var permissions: Permissions
  public var semaphoreCount: Int
  /// Time of the last semop in seconds since 1970, 0 for none.
  public var otime: Int64
  /// Time of creation or of the last change by semctl, in seconds since 1970.
  public var ctime: Int64

  public init(
    identifier: Int32, key: Int32, permissions: Permissions, semaphoreCount: Int, otime: Int64,
    ctime: Int64
  ) {
    self.identifier = identifier
    self.key = key
    self.permissions = permissions
    self.semaphoreCount = semaphoreCount
    self.otime = otime
    self.ctime = ctime
  }
}
