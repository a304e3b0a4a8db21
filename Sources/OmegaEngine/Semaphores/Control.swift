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

  /// IPC_SET: owner and mode, and the next permission generation.
  public func setPermissions<H: Host>(
    _ host: H, uid: UInt32, gid: UInt32, mode: UInt32
  ) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.write(UInt64(uid), Header.uid)
    section.write(UInt64(gid), Header.gid)
    section.write(UInt64(mode & 0o777), Header.mode)
    section.write(UInt64(bitPattern: host.now()), Header.ctime)
    section.write(SetState.nextGeneration(stateWord), Header.state)
    section.commit()
  }

  /// IPC_RMID: marks the set removed, runs `unlink` for its names, sends every sleeper EIDRM.
  ///
  /// Also finishes a removal that a death interrupted. Throws EIDRM when somebody else removed it and
  /// nothing was left to do.
  public func remove<H: Host>(_ host: H, unlink: () -> Void) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    let wasLive = section.isLive
    if wasLive {
      section.write(
        SetState.nextGeneration(stateWord) & ~0xFF | SetState.removed, Header.state)
      section.write(1, Header.needsServe)
      section.chooseGuardian()
      section.commit()
    }
    unlink()
    section.serveEverybody()
    if !wasLive { throw .identifierRemoved }
  }

  /// Whether the set exists, asked under the lock: a removal whose process died before it was
  /// committed is taken back there, while `stateWord` shows it already.
  public func isLiveAfterAll<H: Host>(_ host: H) -> Bool {
    guard var section = try? Section(self, host) else { return false }
    let isLive = section.isLive
    section.close()
    return isLive
  }
}

extension Section {
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
