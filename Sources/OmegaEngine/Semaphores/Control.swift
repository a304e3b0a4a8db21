/// The control commands that change a set. Permissions are the caller's business.
extension SemaphoreSet {
  /// SETVAL: stores the value, zeroes every process's adjustment of the semaphore, serves everybody.
  public func setValue<H: Host>(_ host: H, semaphore: Int, value: Int) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.raiseSlow(semaphore)
    section.assign(semaphore, value)
    section.finishAssignment()
    section.lowerSlow(semaphore)
  }

  /// SETALL: the same for all semaphores at once. `value` gives 0…32767 for each index.
  public func setAll<H: Host>(_ host: H, _ value: (Int) -> Int) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    guard section.reserveJournal(2 * layout.semaphoreCount + 32) else { throw .noMemory }
    section.raiseAll()
    for semaphore in 0..<layout.semaphoreCount { section.assign(semaphore, value(semaphore)) }
    section.finishAssignment()
    section.lowerAll()
  }
}

extension Section where Object == SemaphoreSet {
  /// One semaphore of SETVAL or SETALL, within the open transaction.
  fileprivate mutating func assign(_ semaphore: Int, _ value: Int) {
    var word = set.word(semaphore)
    if word.holders != 0 {
      let epoch = nextEpoch(semaphore)
      write(epoch, layout.cell(semaphore) + Cell.undoEpoch)
      word.epoch = epoch
      word.holders = 0
    }
    word.value = value
    word.pid = host.pid
    write(word.bits, layout.cell(semaphore))
  }

  /// The next undo epoch. Before epochs repeat, the adjustments that carry old ones are cleared.
  private func nextEpoch(_ semaphore: Int) -> UInt64 {
    let current = set.undoEpoch(semaphore) & 0xFF_FFFF
    let next = (current + 1) & 0xFF_FFFF
    if next & 0x3F_FFFF == 0 {
      for slot in 0..<set.memberHigh {
        let offset = layout.adjustment(slot, semaphore)
        let adjustment = Adjustment(bits: image.load(offset))
        if adjustment.epoch != current {
          // Worth nothing already, so this needs no journal.
          image.store(
            Adjustment(amount: 0, epoch: current, sequence: adjustment.sequence).bits, offset)
        }
      }
    }
    return next
  }

  fileprivate mutating func finishAssignment() {
    write(UInt64(bitPattern: host.now()), Header.ctime)
    if image.load(Header.sleeperCount) == 0 {
      commit()
      return
    }
    write(1, Header.needsServe)
    chooseGuardian()
    commit()
    serveEverybody()
  }
}
