/// Putting a message into the lists of the queue and taking it out, as a change.
extension MessageQueue {
  /// What `link` needs for a type that is not there yet: whether it needs two nodes.
  @inline(__always)
  func needsNodes(_ found: TypePlace) -> Bool { !found.isFound }

  /// Appends a filled cell. `nodes`, when `needsNodes`, are two nodes of the caller.
  @inline(__always)
  func link<C: Change>(
    _ cell: Int, type: Int64, size: Int, _ found: TypePlace, nodes: Ends, _ change: inout C
  ) {
    let offset = layout.cell(cell)
    append(cell, list: Header.fifo, links: MessageCell.fifoLinks, &change)
    var leaf = found.leaf
    if found.isFound {
      append(cell, list: layout.cell(leaf) &+ TypeNode.ends, links: MessageCell.typeLinks, &change)
      let empty = image.load(Header.emptyLeaf)
      if Ends(bits: empty).first == leaf {
        change.set(Header.emptyLeaf, empty, Tagged(bits: empty).next(0))
      }
    } else {
      leaf = nodes.first
      store(Ends(first: 0, last: 0), offset &+ MessageCell.typeLinks)
      insert(
        type: type, messages: Ends(first: cell, last: cell), nodes: nodes, near: found, &change)
    }
    image.store(UInt64(leaf), offset &+ MessageCell.leaf)
    let counts = image.load(Header.counts)
    change.set(
      Header.counts, counts, Tagged(bits: counts).next(Counts(bits: counts).adding(size).bits))
  }

  /// Takes a message out; returns two nodes that are free then, or zeros.
  @inline(__always)
  func unlink<C: Change>(_ cell: Int, _ change: inout C) -> Ends {
    let offset = layout.cell(cell)
    remove(cell, list: Header.fifo, links: MessageCell.fifoLinks, &change)
    let leaf = Int(image.load(offset &+ MessageCell.leaf) & 0xFF_FFFF)
    var nodes = Ends(first: 0, last: 0)
    let messages = messages(ofLeaf: leaf)
    let isLast = messages.first == cell && messages.last == cell
    let empty = image.load(Header.emptyLeaf)
    if isLast && Ends(bits: empty).first != 0 {
      let found = find(type: type(cell))
      if found.isFound && found.leaf == leaf && found.parent != 0 {
        nodes = remove(found, &change)
      }
    } else {
      remove(
        cell, list: layout.cell(leaf) &+ TypeNode.ends, links: MessageCell.typeLinks, &change)
      if isLast { change.set(Header.emptyLeaf, empty, Tagged(bits: empty).next(UInt64(leaf))) }
    }
    let counts = image.load(Header.counts)
    change.set(
      Header.counts, counts,
      Tagged(bits: counts).next(Counts(bits: counts).removing(size(cell)).bits))
    return nodes
  }

  @inline(__always)
  private func append<C: Change>(
    _ cell: Int, list: Int, links: Int, _ change: inout C
  ) {
    let old = image.load(list)
    let ends = Ends(bits: old)
    store(Ends(first: ends.last, last: 0), layout.cell(cell) &+ links)
    if ends.last != 0 { setLink(ends.last, links, side: 1, cell, &change) }
    let first = ends.first == 0 ? cell : ends.first
    change.set(list, old, Tagged(bits: old).next(Ends(first: first, last: cell).bits))
  }

  @inline(__always)
  private func remove<C: Change>(
    _ cell: Int, list: Int, links: Int, _ change: inout C
  ) {
    let own = ends(layout.cell(cell) &+ links)
    let old = image.load(list)
    var ends = Ends(bits: old)
    if own.first != 0 { setLink(own.first, links, side: 1, own.last, &change) }
    if own.last != 0 { setLink(own.last, links, side: 0, own.first, &change) }
    if own.first != 0 && own.last != 0 { return }
    if own.first == 0 { ends.first = own.last }
    if own.last == 0 { ends.last = own.first }
    change.set(list, old, Tagged(bits: old).next(ends.bits))
  }

  @inline(__always)
  private func setLink<C: Change>(
    _ cell: Int, _ links: Int, side: Int, _ neighbour: Int, _ change: inout C
  ) {
    let offset = layout.cell(cell) &+ links
    let old = image.load(offset)
    change.set(
      offset, old, Tagged(bits: old).next(Ends(bits: old).replacing(side, by: neighbour).bits))
  }

  /// Frees up to three cells of one class: `first` and those of `rest` that are not 0.
  @inline(__always)
  func free<C: Change>(_ number: Int, _ first: Int, _ rest: Ends, _ change: inout C) {
    let head = image.load(Header.free(number))
    var next = UInt64(Ends(bits: head).first)
    let cells: InlineArray<3, Int> = [rest.last, rest.first, first]
    for index in 0..<3 where cells[index] != 0 {
      let cell = cells[index]
      let offset = layout.cell(cell) &+ MessageCell.nextFree
      let old = image.load(offset)
      change.set(offset, old, Tagged(bits: old).next(next))
      next = UInt64(cell)
    }
    change.set(Header.free(number), head, Tagged(bits: head).next(next))
  }

  /// Takes a free cell of a class; 0 when there is none.
  @inline(__always)
  func takeFree<C: Change>(_ number: Int, _ change: inout C) -> Int {
    let head = image.load(Header.free(number))
    let cell = Ends(bits: head).first
    if cell == 0 { return 0 }
    let next = Ends(bits: image.load(layout.cell(cell) &+ MessageCell.nextFree)).first
    change.set(Header.free(number), head, Tagged(bits: head).next(UInt64(next)))
    return cell
  }

  @inline(__always)
  func stamp<C: Change>(_ offset: Int, pid: UInt32, time: Int64, _ change: inout C) {
    let old = image.load(offset)
    change.set(offset, old, Stamp(bits: old).next(pid: pid, time: time))
  }
}
