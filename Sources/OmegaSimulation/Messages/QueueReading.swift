/// Reading a queue's image without disturbing it.
extension Simulation {
  /// A message in the queue.
  package struct Queued: Equatable, Sendable {
    package var type: Int
    package var byteCount: Int
    /// Its number, as far as it has room for it.
    package var message: UInt64
    var cell: Int
    var leaf: Int
  }

  var queueLayout: QueueLayout { world.queue.layout }

  func cellWord(_ cell: Int, _ word: Int) -> UInt64 { settled(queueLayout.cell(cell) + word) }

  /// The messages from the oldest on, as the next owner of the lock finds them; nil when the list leads
  /// nowhere. A record that was committed and not carried out is not looked at.
  package var queued: [Queued]? {
    var messages: [Queued] = []
    let most = cellsEnd
    var previous = 0
    var cell = Ends(bits: settled(Header.fifo)).first
    while cell != 0 {
      guard cell < most, messages.count <= most else { return nil }
      let links = Ends(bits: cellWord(cell, MessageCell.fifoLinks))
      if links.first != previous { return nil }
      let byteCount = Int(cellWord(cell, MessageCell.size) & 0xFFFF_FFFF)
      guard
        let bytes = world.image.bytes(queueLayout.cell(cell) + MessageCell.payload, byteCount)
      else { return nil }
      messages.append(
        Queued(
          type: Int(Int64(bitPattern: cellWord(cell, MessageCell.type))), byteCount: byteCount,
          message: bytes.message.number, cell: cell,
          leaf: Int(cellWord(cell, MessageCell.leaf))))
      previous = cell
      cell = links.last
    }
    return Ends(bits: settled(Header.fifo)).last == previous ? messages : nil
  }

  /// Cells from this reference on were never used.
  var cellsEnd: Int { max(Int(settled(Header.bump)), 1) }

  /// What lets a call that sleeps in the queue go on, nil when nothing does.
  func canGoOnInQueue(_ slot: Int) -> String? {
    guard let queued else { return nil }  // An invariant is broken, which says more.
    if word(slot, Waiter.isSender) != 0 {
      let size = Int(cellWord(Int(word(slot, Waiter.cell)), MessageCell.size) & 0xFFFF_FFFF)
      let bytes = queued.reduce(0) { $0 + $1.byteCount }
      let limit = Int(settled(Header.queueBytes))
      let fits = bytes + size <= limit && queued.count + 1 <= limit
      return fits ? "\(size) bytes into \(bytes) of \(limit)" : nil
    }
    let request = MessageRequest(
      flags: word(slot, Waiter.flags), type: word(slot, Waiter.wantedType),
      capacity: word(slot, Waiter.capacity))
    return queued.first { request.matches(Int64($0.type)) }.map { "\(request) of \($0)" }
  }

  /// What a word of the image is, for people.
  func nameOfWord(_ offset: Int, _ layout: QueueLayout) -> String {
    if offset < layout.frame.members { return "journal+\(offset - layout.frame.journal)" }
    if offset < layout.stocks { return part("member", offset - layout.frame.members, 64) }
    if offset < layout.frame.waiters { return part("stock", offset - layout.stocks, 1024) }
    if offset < layout.cells { return part("waiter", offset - layout.frame.waiters, 256) }
    return part("cell", offset - layout.cells, 64)
  }
}
