/// Where cells come from: the free lists of the classes, and memory that was never used.
extension Section where Object == MessageQueue {
  /// A cell of a class, within the open transaction; nil when there is no memory.
  mutating func takeCell(_ number: Int) -> Int? {
    let queue = queue
    let cell = queue.takeFree(number, &self)
    if cell != 0 { return cell }
    return carve(number)
  }

  /// Claims a stretch of unused memory, a page or one cell, and frees all cells in it but one.
  private mutating func carve(_ number: Int) -> Int? {
    let units = CellClass.byteCount(number) / 64
    let count = max(1, 64 / units)
    // The first unit stands for "none".
    let first = max(Int(image.load(Header.bump) & 0xFFF_FFFF), 1)
    let end = layout.cell(first + count * units)
    guard end <= frame.byteCount else { return nil }
    guard host.claim(image, layout.cell(first), byteCount: end - layout.cell(first)) else {
      return nil
    }
    for index in 0..<count {
      // Nobody knows these cells yet.
      let offset = layout.cell(first + index * units)
      image.store(UInt64(number) << 56, offset + MessageCell.size)
      let next = index + 1 < count ? first + (index + 1) * units : 0
      let link = offset + MessageCell.nextFree
      image.store(Tagged(bits: image.load(link)).next(UInt64(next)), link)
    }
    write(UInt64(first + count * units), Header.bump)
    let head = image.load(Header.free(number))
    let rest = count > 1 ? first + units : 0
    write(Tagged(bits: head).next(UInt64(rest)), Header.free(number))
    return first
  }

  mutating func freeCell(_ cell: Int) {
    let queue = queue
    queue.free(queue.cellClass(cell), cell, Ends(first: 0, last: 0), &self)
  }

  mutating func freeNodes(_ nodes: Ends) {
    let queue = queue
    if nodes.last != 0 { queue.free(0, nodes.first, Ends(first: nodes.last, last: 0), &self) }
  }

  mutating func freeCell(ofWaiter slot: Int) {
    let offset = frame.waiter(slot) + Waiter.cell
    let cell = Int(image.load(offset) & 0xFF_FFFF)
    if cell == 0 { return }
    freeCell(cell)
    write(0, offset)
  }

  /// A member's stock goes back into the free lists.
  mutating func returnStock(of member: Int) {
    // A record that is carried out once more must not bring back what is given away here.
    object.closeRecord(host)
    let stock = layout.stock(member)
    let pocket = image.load(stock + Stock.pocket)
    if Ends(bits: pocket).first != 0 {
      freeCell(Ends(bits: pocket).first)
      write(Tagged(bits: pocket).next(0), stock + Stock.pocket)
    }
    let nodes = image.load(stock + Stock.nodes)
    if Ends(bits: nodes).last != 0 {
      freeNodes(Ends(bits: nodes))
      write(Tagged(bits: nodes).next(0), stock + Stock.nodes)
    }
    commit()
  }
}

extension MessageQueue {
  /// Fills a member's stock: a cell for a message of so many bytes, and two nodes. Throws ENOMEM.
  ///
  /// The caller keeps other fast calls of its process from the stock meanwhile.
  public func stock<H: Host>(_ host: H, member: Int, size: Int) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    // As in `returnStock`.
    closeRecord(host)
    let stock = layout.stock(member)
    let number = CellClass.of(size)
    let pocket = image.load(stock + Stock.pocket)
    let old = Ends(bits: pocket).first
    if old == 0 || cellClass(old) != number {
      guard let cell = section.takeCell(number) else {
        section.rollback()
        throw .noMemory
      }
      if old != 0 { section.freeCell(old) }
      section.write(Tagged(bits: pocket).next(UInt64(cell)), stock + Stock.pocket)
      section.commit()
    }
    let nodes = image.load(stock + Stock.nodes)
    if Ends(bits: nodes).last == 0 {
      guard let first = section.takeCell(0), let last = section.takeCell(0) else {
        section.rollback()
        throw .noMemory
      }
      section.write(
        Tagged(bits: nodes).next(Ends(first: first, last: last).bits), stock + Stock.nodes)
      section.commit()
    }
  }
}
