/// Putting a message into the lists of the queue and taking it out, as a change.
extension MessageQueue {
  /// Appends a filled cell. `leaf` is that of its type, or 0: then `nodes` are two nodes of the caller.
  @inline(__always)
  func link<C: Change>(
    _ cell: Int, type: Int64, size: Int, leaf: Int, nodes: Ends, _ change: inout C
  ) {
    let header = image.header
    let words = self.cell(cell)
    append(cell, words, list: header.load(Header.fifo), Header.fifo, MessageCell.fifoLinks, &change)
    if leaf != 0 {
      let list = self.cell(leaf)
      append(
        cell, words, list: list.load(TypeNode.ends), list.offset &+ TypeNode.ends,
        MessageCell.typeLinks, &change)
      words.store(UInt64(leaf), MessageCell.leaf)
      let empty = header.load(Header.emptyLeaf)
      if Ends(bits: empty).first == leaf {
        change.set(Header.emptyLeaf, empty, Tagged(bits: empty).next(0))
      }
    } else {
      words.store(Tagged(bits: words.load(MessageCell.typeLinks)).next(0), MessageCell.typeLinks)
      words.store(UInt64(nodes.first), MessageCell.leaf)
      insert(type: type, messages: Ends(first: cell, last: cell), nodes: nodes, &change)
    }
    let counts = header.load(Header.counts)
    change.set(
      Header.counts, counts, Tagged(bits: counts).next(Counts(bits: counts).adding(size).bits))
  }

  /// Takes a message out; returns two nodes that are free then, or zeros.
  @inline(__always)
  func unlink<C: Change>(_ cell: Int, size: Int, _ change: inout C) -> Ends {
    let header = image.header
    let words = self.cell(cell)
    remove(
      Ends(bits: words.load(MessageCell.fifoLinks)), list: header.load(Header.fifo), Header.fifo,
      MessageCell.fifoLinks, &change)
    let leaf = Int(words.load(MessageCell.leaf) & 0xFF_FFFF)
    let list = self.cell(leaf)
    let ends = list.load(TypeNode.ends)
    let isLast = Ends(bits: ends) == Ends(first: cell, last: cell)
    let empty = isLast ? header.load(Header.emptyLeaf) : 0
    var nodes = Ends(first: 0, last: 0)
    if isLast && Ends(bits: empty).first != 0 {
      nodes = remove(leaf: leaf, &change)
    } else {
      remove(
        Ends(bits: words.load(MessageCell.typeLinks)), list: ends, list.offset &+ TypeNode.ends,
        MessageCell.typeLinks, &change)
      if isLast { change.set(Header.emptyLeaf, empty, Tagged(bits: empty).next(UInt64(leaf))) }
    }
    let counts = header.load(Header.counts)
    change.set(
      Header.counts, counts, Tagged(bits: counts).next(Counts(bits: counts).removing(size).bits))
    return nodes
  }

  @inline(__always)
  private func append<C: Change>(
    _ cell: Int, _ words: ImageWindow<64>, list: UInt64, _ offset: Int, _ links: Int,
    _ change: inout C
  ) {
    let ends = Ends(bits: list)
    // The cell is nobody else's yet.
    words.store(
      Tagged(bits: words.load(links)).next(Ends(first: ends.last, last: 0).bits), links)
    var first = ends.first
    if ends.last != 0 {
      setLink(ends.last, links, side: 1, cell, &change)
    } else {
      first = cell
    }
    change.set(offset, list, Tagged(bits: list).next(Ends(first: first, last: cell).bits))
  }

  @inline(__always)
  private func remove<C: Change>(
    _ own: Ends, list: UInt64, _ offset: Int, _ links: Int, _ change: inout C
  ) {
    if own.first != 0 { setLink(own.first, links, side: 1, own.last, &change) }
    if own.last != 0 {
      setLink(own.last, links, side: 0, own.first, &change)
      if own.first != 0 { return }
    }
    var ends = Ends(bits: list)
    if own.first == 0 { ends.first = own.last }
    if own.last == 0 { ends.last = own.first }
    change.set(offset, list, Tagged(bits: list).next(ends.bits))
  }

  @inline(__always)
  private func setLink<C: Change>(
    _ cell: Int, _ links: Int, side: Int, _ neighbour: Int, _ change: inout C
  ) {
    let words = self.cell(cell)
    let old = words.load(links)
    change.set(
      words.offset &+ links, old,
      Tagged(bits: old).next(Ends(bits: old).replacing(side, by: neighbour).bits))
  }

  /// Frees up to three cells of one class: `first` and those of `rest` that are not 0.
  @inline(never)
  func free<C: Change>(_ number: Int, _ first: Int, _ rest: Ends, _ change: inout C) {
    let head = image.header.load(Header.free(number))
    var next = UInt64(Ends(bits: head).first)
    let cells: InlineArray<3, Int> = [rest.last, rest.first, first]
    for index in 0..<3 where cells[index] != 0 {
      let words = cell(cells[index])
      let old = words.load(MessageCell.nextFree)
      change.set(words.offset &+ MessageCell.nextFree, old, Tagged(bits: old).next(next))
      next = UInt64(cells[index])
    }
    change.set(Header.free(number), head, Tagged(bits: head).next(next))
  }

  /// Takes a free cell of a class; 0 when there is none.
  @inline(__always)
  func takeFree<C: Change>(_ number: Int, _ change: inout C) -> Int {
    let head = image.header.load(Header.free(number))
    let cell = Ends(bits: head).first
    if cell == 0 { return 0 }
    let next = Ends(bits: self.cell(cell).load(MessageCell.nextFree)).first
    change.set(Header.free(number), head, Tagged(bits: head).next(UInt64(next)))
    return cell
  }

  /// The first cells of a free list, 0 for none. Apart from the record that may take them, which is kept
  /// in registers so.
  @inline(never)
  func firstThree(_ head: UInt64) -> InlineArray<3, Int> {
    let first = Ends(bits: head).first
    let second = first == 0 ? 0 : Ends(bits: cell(first).load(MessageCell.nextFree)).first
    let third = second == 0 ? 0 : Ends(bits: cell(second).load(MessageCell.nextFree)).first
    return [first, second, third]
  }

  @inline(__always)
  func stamp<C: Change>(_ offset: Int, pid: UInt32, time: Int64, _ change: inout C) {
    let old = image.header.load(offset)
    // Nearly always the same process in the same second.
    if Stamp(bits: old).isSame(pid: pid, time: time) { return }
    change.set(offset, old, Stamp(bits: old).next(pid: pid, time: time))
  }
}
