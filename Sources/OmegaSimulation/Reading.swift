/// Reading an image without disturbing it.
extension Simulation {
  var layout: SetLayout { world.layout }
  var frame: Frame { world.frame }
  var memberHigh: Int { Int(settled(Header.memberHigh)) }
  var waiterHigh: Int { Int(settled(Header.waiterHigh)) }

  /// A word as the next owner of the lock will find it, after the open transaction of a dead one was
  /// rolled back.
  func settled(_ offset: Int) -> UInt64 {
    let image = world.image
    for index in 0..<Int(image.peek(Header.journalCount))
    where image.peek(frame.journalEntry(index)) == UInt64(offset) {
      return image.peek(frame.journalEntry(index) + 8)
    }
    return image.peek(offset)
  }

  func word(_ slot: Int, _ offset: Int) -> UInt64 { settled(frame.waiter(slot) + offset) }
  func status(_ slot: Int) -> UInt64 { word(slot, Waiter.status) & 0xFFFF_FFFF }
  func shape(_ slot: Int) -> WaiterShape { WaiterShape(bits: word(slot, Waiter.shape)) }
  func epoch(_ semaphore: Int) -> UInt64 {
    settled(layout.cell(semaphore) + Cell.undoEpoch)
  }

  func operations(_ slot: Int) -> [Operation] {
    let count = shape(slot).count
    return (0..<count).map {
      Operation(bits: settled(layout.operations(slot, count: count) + 8 * $0))
    }
  }

  func adjustment(_ member: Int, _ semaphore: Int) -> Int {
    let word = semaphoreWord(semaphore)
    if word.isSolo { return word.soloMember == member ? word.soloAmount : 0 }
    return Adjustment(bits: settled(layout.adjustment(member, semaphore)))
      .amount(epoch: epoch(semaphore))
  }

  /// The values as Linux would have them: what is in flight finished, the dead undone.
  package func effectiveValues() -> [Int] {
    (0..<layout.semaphoreCount).map { semaphore in
      var value = semaphoreWord(semaphore).value
      for member in 0..<memberHigh where memberHasEnded(member) {
        value += adjustment(member, semaphore) + inFlight(member, semaphore)
        value = min(max(value, 0), Limit.semaphoreValue)
      }
      return value
    }
  }

  /// Adjustments of living members, summed up.
  package func livingAdjustments() -> [Int] {
    (0..<layout.semaphoreCount).map { semaphore in
      (0..<memberHigh).filter { !memberHasEnded($0) }
        .reduce(0) { $0 + adjustment($1, semaphore) + inFlight($1, semaphore) }
    }
  }

  /// The semaphore's word; while a call of several operations has it, what that call makes of it.
  func semaphoreWord(_ semaphore: Int) -> SemaphoreWord {
    let word = SemaphoreWord(bits: settled(layout.cell(semaphore)))
    guard word.isOneOfSeveral else { return word }
    let descriptor = layout.descriptor(word.severalMember)
    let status = world.image.peek(descriptor + Descriptor.status)
    let field = status & 0xFF == DescriptorStatus.decided ? 16 : 8
    for index in 0..<Int(status >> 8 & 0xFF) {
      let entry = descriptor + Descriptor.entry(index)
      if world.image.peek(entry) == UInt64(layout.cell(semaphore)) {
        return SemaphoreWord(bits: world.image.peek(entry + field))
      }
    }
    return word
  }

  /// What a fast operation with SEM_UNDO has yet to add to the member's adjustment.
  private func inFlight(_ member: Int, _ semaphore: Int) -> Int {
    let word = semaphoreWord(semaphore)
    guard word.mark == member + 1 else { return 0 }
    let intent = Intent(bits: settled(layout.member(member) + Member.intent))
    let before = Adjustment(bits: settled(layout.adjustment(member, semaphore)))
    return before.sequence == intent.sequence ? 0 : intent.amount
  }

  func memberHasEnded(_ member: Int) -> Bool {
    let offset = frame.member(member)
    let pid = UInt32(settled(offset + Member.pid))
    return pid == 0
      || world.processHasEnded(pid: pid, startTime: settled(offset + Member.startTime))
  }
}
