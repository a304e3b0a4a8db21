/// A fast call: a send or receive that concerns no sleeper, under the queue's lock but without a system
/// call.
///
/// A locked section blocks signals, which costs more than the whole operation. A fast call does not:
/// it collects its changes in a record of its member's (`Change.swift`) and makes them happen by one
/// compare-and-swap. A signal handler's call that finds the lock held by its own thread takes it over
/// as from a dead one: it finishes the record or makes it void, and this call notices and starts again.
/// A death is the same to whoever comes next. The caller lets only one fast call of a process at a time
/// use the member's stock.
public protocol FastCaller {
  var tid: UInt32 { get }
  /// Makes the word the thread's pending robust word, so that the kernel marks it should the thread die;
  /// false when the thread has one already.
  func begin(_ image: Image, _ offset: Int) -> Bool
  func end()
  func wake(_ image: Image, _ offset: Int)
  func pause()
  /// Whether this thread's last message went the same way through the same queue: then another thread's
  /// do so at the other end, and it pays to let each of them go on for a while.
  var isStreaming: Bool { get }
  /// The memory at the offset will be written soon: time to bring it into this processor's cache.
  func expect(_ image: Image, _ offset: Int)
}

/// How a fast call ended.
public enum FastMessage: Equatable, Sendable {
  case done
  /// No room in the queue, or no message that fits: the call would sleep.
  case blocked
  /// The message is longer than the buffer.
  case tooBig
  /// The stock lacks a cell or nodes (`Stocking.swift`); then try again.
  case lacksStock
  /// Sleepers, a death, another permission generation, a lock that is taken: go through a section.
  case slow
}

extension MessageQueue {
  /// Turns before a lock that is taken is waited for in a section.
  @inlinable static var lockTurns: Int { 400 }
  /// Turns that a streaming call leaves the other end to itself, some 50 messages.
  @inlinable static var streamTurns: Int { 64 }

  /// Acquires the lock; nil when a section must be entered.
  ///
  /// Returns the last record, which nobody replaces from now on without this call's noticing it.
  @inlinable @inline(__always)
  func lockFast<F: FastCaller>(_ caller: F) -> RecordWord? {
    guard caller.begin(image, Header.lock) else { return nil }
    // Acquire: what the last owner released is visible.
    guard image.exchange32(0, caller.tid, Header.lock) || lockContended(caller) else { return nil }
    let before = RecordWord(bits: image.header.load(Header.record))
    // In this order: a signal handler's call may have taken the lock over before the record was read,
    // and then this call has neither the lock nor a record that tells so.
    if image.load32(Header.lock) & Futex.ownerMask == caller.tid { return before }
    caller.end()
    return nil
  }

  /// A refusal, unless the call was overtaken: then what it has seen may never have been.
  @inline(__always)
  private func refuse(_ result: FastMessage, _ before: RecordWord) -> FastMessage {
    image.header.load(Header.record) == before.bits ? result : .slow
  }

  @inlinable @inline(never)
  func lockContended<F: FastCaller>(_ caller: F) -> Bool {
    for turn in 0..<MessageQueue.lockTurns {
      // Where messages stream, the owner comes back at once. Leave its cache lines alone for a while: a
      // batch costs each side fewer misses than taking turns with every message.
      if caller.isStreaming && turn % 8 == 0 {
        for _ in 0..<MessageQueue.streamTurns { caller.pause() }
      }
      let word = image.load32(Header.lock)
      if word == 0 && image.exchange32(0, caller.tid, Header.lock) { return true }
      // Dead, or our own thread's, below this signal handler.
      if word & Futex.ownerDied != 0 || word & Futex.ownerMask == caller.tid { break }
      caller.pause()
    }
    caller.end()
    return false
  }

  /// Releases the lock, unless a signal handler's call has taken it over and released it.
  @inlinable @inline(__always)
  func unlockFast<F: FastCaller>(_ caller: F) {
    // Release: the changes are visible before the lock is free.
    if !image.exchange32(caller.tid, 0, Header.lock) { unlockContended(caller) }
    caller.end()
  }

  @inlinable @inline(never)
  func unlockContended<F: FastCaller>(_ caller: F) {
    while true {
      let word = image.load32(Header.lock)
      // Not ours any more: another thread's by now, or free.
      guard word & Futex.ownerMask == caller.tid && word & Futex.ownerDied == 0 else { return }
      // No wake-up is lost: a waiter sets the bit before it waits, and this swap sees it or fails.
      guard image.exchange32(word, 0, Header.lock) else { continue }
      if word & Futex.waiters != 0 { caller.wake(image, Header.lock) }
      return
    }
  }

  /// msgsnd. `state` is the `Header.state` for which the caller was authorized; `popsAhead` takes the
  /// cell for the next message of that size along.
  @inlinable @inline(__always)
  public func fastSend<F: FastCaller>(
    _ caller: F, member: Int, pid: UInt32, time: Int64, state: UInt64, type: Int64, size: Int,
    popsAhead: Bool, copy: (ImageBytes) -> Void
  ) -> FastMessage {
    guard let pocket = fillPocket(member: member, type: type, size: size, copy) else {
      return .lacksStock
    }
    guard let before = lockFast(caller) else { return .slow }
    let result = planSend(
      before, member: member, pid: pid, time: time, state: state, type: type, size: size,
      popsAhead: popsAhead, pocket: pocket)
    unlockFast(caller)
    if popsAhead && caller.isStreaming {
      let cells = nextCells(member)
      expectCell(caller, cells.0)
      caller.expect(image, layout.cell(cells.1))
    }
    return result
  }

  /// A cell that this end of a stream will soon write: when the other end has written it last, its lines
  /// are on their way by the time they are needed.
  @inlinable @inline(__always)
  func expectCell<F: FastCaller>(_ caller: F, _ cell: Int) {
    caller.expect(image, layout.cell(cell))
    caller.expect(image, layout.cell(cell) &+ 64)
  }

  /// The oldest message but one.
  @usableFromInline
  func secondMessage() -> Int {
    let first = Ends(bits: image.header.load(Header.fifo)).first
    return first == 0 ? 0 : Ends(bits: cell(first).load(MessageCell.fifoLinks)).last
  }

  /// The cells for the member's next message and, most likely, the one after it.
  @usableFromInline
  func nextCells(_ member: Int) -> (Int, Int) {
    let ahead = Ends(bits: stock(member).load(Stock.pocket)).first
    return (ahead, Ends(bits: cell(ahead).load(MessageCell.nextFree)).first)
  }

  /// Writes the message into the cell that the stock has for it; nil when it has none.
  @usableFromInline @inline(__always)
  func fillPocket(
    member: Int, type: Int64, size: Int, _ copy: (ImageBytes) -> Void
  ) -> UInt64? {
    let pocket = stock(member).load(Stock.pocket)
    let cell = Ends(bits: pocket).first
    if cell == 0 || cellClass(cell) != CellClass.of(size) { return nil }
    fill(cell, type: type, size: size, copy)
    return pocket
  }

  @usableFromInline @inline(__always)
  func planSend(
    _ before: RecordWord, member: Int, pid: UInt32, time: Int64, state: UInt64, type: Int64,
    size: Int, popsAhead: Bool, pocket: UInt64
  ) -> FastMessage {
    let header = image.header
    let stock = stock(member)
    guard header.load(Header.receivers) == 0 && header.load(Header.state) == state else {
      return .slow
    }
    guard counts.fits(size, queueBytes) else { return refuse(.blocked, before) }
    var record = Record(stock, member: member, after: before)
    let leaf = find(type: type)
    var nodes = Ends(first: 0, last: 0)
    var popsAhead = popsAhead
    if leaf == 0 {
      let own = stock.load(Stock.nodes)
      nodes = Ends(bits: own)
      if nodes.last != 0 {
        record.setStock(Stock.nodes, own, Tagged(bits: own).next(0))
      } else {
        let head = header.load(Header.free(0))
        let free = firstThree(head)
        nodes = Ends(first: free[0], last: free[1])
        if nodes.last == 0 { return .lacksStock }
        record.set(Header.free(0), head, Tagged(bits: head).next(UInt64(free[2])))
        // A record changes a word once only.
        if CellClass.of(size) == 0 { popsAhead = false }
      }
    }
    link(Ends(bits: pocket).first, type: type, size: size, leaf: leaf, nodes: nodes, &record)
    stamp(Header.lastSend, pid: pid, time: time, &record)
    let ahead = popsAhead ? takeFree(CellClass.of(size), &record) : 0
    record.setStock(Stock.pocket, pocket, Tagged(bits: pocket).next(UInt64(ahead)))
    // Not committed: a signal handler's call has taken the lock over. It is free by now.
    return record.commit(self) ? .done : .slow
  }

  /// msgrcv. `copy` gets the type and the bytes to copy; it may be called for a message that is not
  /// received after all, and again for the one that is.
  @inlinable @inline(__always)
  public func fastReceive<F: FastCaller>(
    _ caller: F, member: Int, pid: UInt32, time: Int64, state: UInt64, request: MessageRequest,
    copy: (Int64, ImageBytes) -> Void
  ) -> FastMessage {
    guard let before = lockFast(caller) else { return .slow }
    let result = planReceive(
      before, member: member, pid: pid, time: time, state: state, request: request, copy: copy)
    unlockFast(caller)
    if caller.isStreaming { expectCell(caller, secondMessage()) }
    return result
  }

  @usableFromInline @inline(__always)
  func planReceive(
    _ before: RecordWord, member: Int, pid: UInt32, time: Int64, state: UInt64,
    request: MessageRequest, copy: (Int64, ImageBytes) -> Void
  ) -> FastMessage {
    let header = image.header
    guard header.load(Header.senders) == 0 && header.load(Header.state) == state else {
      return .slow
    }
    let cell = request.select(self)
    if cell == 0 { return refuse(.blocked, before) }
    let words = self.cell(cell)
    let sizeAndClass = words.load(MessageCell.size)
    let size = Int(sizeAndClass & 0xFFFF_FFFF)
    if size > request.capacity && !request.cuts { return refuse(.tooBig, before) }
    guard let payload = payload(cell, min(size, request.capacity)) else { return .slow }
    copy(Int64(bitPattern: words.load(MessageCell.type)), payload)
    let stock = stock(member)
    var record = Record(stock, member: member, after: before)
    let nodes = unlink(cell, size: size, &record)
    stamp(Header.lastReceive, pid: pid, time: time, &record)
    let pocket = stock.load(Stock.pocket)
    if Ends(bits: pocket).first == 0 {
      record.setStock(Stock.pocket, pocket, Tagged(bits: pocket).next(UInt64(cell)))
      if nodes.last != 0 { keep(nodes, and: 0, stock, &record) }
    } else {
      let number = min(Int(sizeAndClass >> 56), CellClass.count - 1)
      if nodes.last != 0 {
        keep(nodes, and: number == 0 ? cell : 0, stock, &record)
        if number == 0 { return record.commit(self) ? .done : .slow }
      }
      free(number, cell, Ends(first: 0, last: 0), &record)
    }
    return record.commit(self) ? .done : .slow
  }

  /// Puts two nodes into the stock, or frees them, together with a `cell` of their class if it is not 0.
  @inline(never)
  private func keep(
    _ nodes: Ends, and cell: Int, _ stock: ImageWindow<1024>, _ record: inout Record
  ) {
    let spare = stock.load(Stock.nodes)
    if Ends(bits: spare).last != 0 {
      free(0, nodes.first, Ends(first: nodes.last, last: cell), &record)
      return
    }
    record.setStock(Stock.nodes, spare, Tagged(bits: spare).next(nodes.bits))
    if cell != 0 { free(0, cell, Ends(first: 0, last: 0), &record) }
  }

  /// Puts a free cell of a class into the pocket, and what was there into its own list; false when
  /// there is none, or a section must be entered.
  @inlinable @inline(never)
  public func fastStock<F: FastCaller>(_ caller: F, member: Int, size: Int) -> Bool {
    guard let before = lockFast(caller) else { return false }
    defer { unlockFast(caller) }
    return planStock(before, member: member, size: size)
  }

  @usableFromInline @inline(__always)
  func planStock(_ before: RecordWord, member: Int, size: Int) -> Bool {
    let stock = stock(member)
    let number = CellClass.of(size)
    let pocket = stock.load(Stock.pocket)
    let old = Ends(bits: pocket).first
    if old != 0 && cellClass(old) == number { return false }
    var record = Record(stock, member: member, after: before)
    let cell = takeFree(number, &record)
    if cell == 0 { return false }
    if old != 0 { free(cellClass(old), old, Ends(first: 0, last: 0), &record) }
    record.setStock(Stock.pocket, pocket, Tagged(bits: pocket).next(UInt64(cell)))
    return record.commit(self)
  }
}
