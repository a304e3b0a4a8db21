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
  private static var lockTurns: Int { 400 }

  /// Acquires the lock; false when a section must be entered.
  @inline(__always)
  func lockFast<F: FastCaller>(_ caller: F) -> Bool {
    guard caller.begin(image, Header.lock) else { return false }
    // Acquire: what the last owner released is visible.
    if image.exchange32(0, caller.tid, Header.lock) { return true }
    return lockContended(caller)
  }

  @inline(never)
  private func lockContended<F: FastCaller>(_ caller: F) -> Bool {
    for _ in 0..<MessageQueue.lockTurns {
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
  @inline(__always)
  func unlockFast<F: FastCaller>(_ caller: F) {
    // Release: the changes are visible before the lock is free.
    if !image.exchange32(caller.tid, 0, Header.lock) { unlockContended(caller) }
    caller.end()
  }

  @inline(never)
  private func unlockContended<F: FastCaller>(_ caller: F) {
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
  @inline(__always)
  public func fastSend<F: FastCaller>(
    _ caller: F, member: Int, pid: UInt32, time: Int64, state: UInt64, type: Int64, size: Int,
    popsAhead: Bool, copy: (ImageBytes) -> Void
  ) -> FastMessage {
    let stock = layout.stock(member)
    let pocket = image.load(stock &+ Stock.pocket)
    let cell = Ends(bits: pocket).first
    let number = CellClass.of(size)
    if cell == 0 || cellClass(cell) != number { return .lacksStock }
    fill(cell, type: type, size: size, copy)
    guard lockFast(caller) else { return .slow }
    defer { unlockFast(caller) }
    // Again after a signal handler's call has made the record void, which cannot go on for ever: each
    // turn has seen a handler run.
    while true {
      guard image.load(Header.receivers) == 0 && stateWord == state else { return .slow }
      guard counts.fits(size, queueBytes) else { return .blocked }
      var record = Record(self, member: member)
      let found = find(type: type)
      let nodes = image.load(stock &+ Stock.nodes)
      if needsNodes(found) {
        if Ends(bits: nodes).last == 0 { return .lacksStock }
        record.set(stock &+ Stock.nodes, nodes, Tagged(bits: nodes).next(0))
      }
      link(cell, type: type, size: size, found, nodes: Ends(bits: nodes), &record)
      stamp(Header.lastSend, pid: pid, time: time, &record)
      let ahead = popsAhead ? takeFree(number, &record) : 0
      record.set(stock &+ Stock.pocket, pocket, Tagged(bits: pocket).next(UInt64(ahead)))
      if record.commit(self) { return .done }
      if image.load32(Header.lock) & Futex.ownerMask != caller.tid { return .slow }
    }
  }

  /// msgrcv. `copy` gets the type and the bytes to copy; it may be called more
  /// than once, the last time with the message that was received.
  @inline(__always)
  public func fastReceive<F: FastCaller>(
    _ caller: F, member: Int, pid: UInt32, time: Int64, state: UInt64, request: MessageRequest,
    copy: (Int64, ImageBytes) -> Void
  ) -> FastMessage {
    guard lockFast(caller) else { return .slow }
    defer { unlockFast(caller) }
    let stock = layout.stock(member)
    while true {
      guard image.load(Header.senders) == 0 && stateWord == state else { return .slow }
      let cell = request.select(self)
      if cell == 0 { return .blocked }
      let size = size(cell)
      if size > request.capacity && !request.cuts { return .tooBig }
      let count = min(size, request.capacity)
      guard let payload = image.bytes(layout.cell(cell) &+ MessageCell.payload, count) else {
        return .slow
      }
      copy(type(cell), payload)
      var record = Record(self, member: member)
      var nodes = unlink(cell, &record)
      stamp(Header.lastReceive, pid: pid, time: time, &record)
      let spare = image.load(stock &+ Stock.nodes)
      if nodes.last != 0 && Ends(bits: spare).last == 0 {
        record.set(stock &+ Stock.nodes, spare, Tagged(bits: spare).next(nodes.bits))
        nodes = Ends(first: 0, last: 0)
      }
      let pocket = image.load(stock &+ Stock.pocket)
      let number = cellClass(cell)
      if Ends(bits: pocket).first == 0 {
        record.set(stock &+ Stock.pocket, pocket, Tagged(bits: pocket).next(UInt64(cell)))
        if nodes.last != 0 { free(0, nodes.first, Ends(first: nodes.last, last: 0), &record) }
      } else if number == 0 {
        free(0, cell, nodes, &record)
      } else {
        free(number, cell, Ends(first: 0, last: 0), &record)
        if nodes.last != 0 { free(0, nodes.first, Ends(first: nodes.last, last: 0), &record) }
      }
      if record.commit(self) { return .done }
      if image.load32(Header.lock) & Futex.ownerMask != caller.tid { return .slow }
    }
  }

  /// Puts a free cell of a class into the pocket, and what was there into its own list; false when
  /// there is none, or a section must be entered.
  @inline(never)
  public func fastStock<F: FastCaller>(_ caller: F, member: Int, size: Int) -> Bool {
    let stock = layout.stock(member)
    let number = CellClass.of(size)
    guard lockFast(caller) else { return false }
    defer { unlockFast(caller) }
    let pocket = image.load(stock &+ Stock.pocket)
    let old = Ends(bits: pocket).first
    if old != 0 && cellClass(old) == number { return false }
    var record = Record(self, member: member)
    let cell = takeFree(number, &record)
    if cell == 0 { return false }
    if old != 0 { free(cellClass(old), old, Ends(first: 0, last: 0), &record) }
    record.set(stock &+ Stock.pocket, pocket, Tagged(bits: pocket).next(UInt64(cell)))
    return record.commit(self)
  }
}
