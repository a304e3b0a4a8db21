/// Who accesses which word of a queue.
extension World {
  /// The words of a queue are its lock's owner's, but for those of sleepers and members, and for the
  /// stock, which a member uses alone, before it has the lock too.
  func accessClass(
    _ offset: Int, _ layout: QueueLayout, _ thread: Int, isOwner: Bool
  ) -> AccessClass {
    if offset < Frame.headerByteCount { return AccessClass.ofQueueHeader(offset) }
    if offset < layout.frame.members { return .ownersOnly }
    if offset < layout.stocks {
      return (offset - layout.frame.members) & 63 == Member.record ? .ownersOnly : .shared
    }
    if offset < layout.frame.waiters {
      let member = (offset - layout.stocks) / QueueLayout.stockByteCount
      return isOwner || !isMember(thread, member) ? .ownersOnly : .ownThreads
    }
    if offset < layout.cells {
      switch (offset - layout.frame.waiters) & 255 {
      case Waiter.futex, Waiter.thread, Waiter.status, Waiter.owner, Waiter.kicks, Waiter.life,
        Waiter.cell:
        return .shared
      case Waiter.since: return .time
      default: return .ownersOnly
      }
    }
    return isOwner || !isKept((offset - layout.cells) / 64, layout, thread)
      ? .ownersOnly : .ownThreads
  }

  private func isMember(_ thread: Int, _ member: Int) -> Bool {
    state.processes[state.threads[thread].process].member == member
  }

  /// Whether the cell is in the stock of the thread's member, or was handed over to a call of it.
  private func isKept(_ cell: Int, _ layout: QueueLayout, _ thread: Int) -> Bool {
    let member = state.processes[state.threads[thread].process].member
    if member >= 0
      && Ends(bits: image.peek(layout.stock(member) + Stock.pocket)).first == cell
    {
      return true
    }
    for slot in 0..<Int(image.peek(Header.waiterHigh)) {
      let waiter = layout.frame.waiter(slot)
      if image.peek32(waiter + Waiter.thread) == state.threads[thread].tid
        && image.peek(waiter + Waiter.status) == WaiterStatus.finished
        && image.peek(waiter + Waiter.cell) & 0xFF_FFFF == UInt64(cell)
      {
        return true
      }
    }
    return false
  }

  /// Whether the store of `value` is to get lost; see `Fault`.
  func swallowsOfQueue(_ value: UInt64, _ offset: Int) -> Bool {
    guard case .queue(let layout) = shape else { return false }
    switch state.fault {
    case .losesRecords:
      return offset == Header.record && RecordWord(bits: value).count != 0
    case .usesCellsTwice:
      return offset >= layout.stocks && offset < layout.frame.waiters
        && (offset - layout.stocks) % QueueLayout.stockByteCount == Stock.pocket
        && Ends(bits: value).first == 0
    case .losesCells:
      let isHead = offset >= Header.free(0) && offset < Header.free(CellClass.count)
      guard isHead else { return false }
      let next = Ends(bits: value).first
      return next != 0
        && Ends(bits: image.peek(layout.cell(next) + MessageCell.nextFree)).first
          == Ends(bits: image.peek(offset)).first
    default: return false
    }
  }
}

extension AccessClass {
  fileprivate static func ofQueueHeader(_ offset: Int) -> AccessClass {
    switch offset {
    case Header.ctime: .time
    case Header.record, Header.fifo, Header.types, Header.counts, Header.lastSend,
      Header.lastReceive, Header.queueBytes, Header.journalCount, Header.needsServe,
      Header.receivers, Header.senders, Header.emptyLeaf, Header.sleeperCount, Header.memberHigh,
      Header.waiterHigh, Header.enqueueSequence, Header.journalClaimed, Header.bump,
      Header.free(0)..<Header.free(CellClass.count):
      .ownersOnly
    default: .shared
    }
  }
}
