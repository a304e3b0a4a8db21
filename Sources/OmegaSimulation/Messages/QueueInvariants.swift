/// What is true of a queue whenever nobody has its lock: every cell is in exactly one place, the lists
/// and the tree of types hold the same messages, and the counts are theirs.
extension Simulation {
  func brokenMessages(_ layout: QueueLayout) -> String? {
    guard let queued else { return "the list of messages leads nowhere" }
    let counts = Counts(bits: world.image.peek(Header.counts))
    let bytes = queued.reduce(0) { $0 + $1.byteCount }
    if counts.messages != queued.count || counts.bytes != bytes {
      return "\(queued.count) messages of \(bytes) bytes, counted \(counts)"
    }
    for message in queued where message.message > 0 && message.byteCount >= 8 {
      let text = world.image.bytes(
        layout.cell(message.cell) + MessageCell.payload, message.byteCount)
      if text?.message.isWhole != true { return "message \(message.message) is torn" }
    }
    var places: [Int: String] = [:]
    return brokenTypes(queued, &places) ?? brokenCells(queued, layout, &places)
  }

  // MARK: Types

  private func brokenTypes(_ queued: [Queued], _ places: inout [Int: String]) -> String? {
    var leaves: [(type: Int, messages: Ends, node: Int)] = []
    let root = Ends(bits: world.image.peek(Header.types)).first
    if root != 0, let broken = walkTree(root, below: 64, &leaves, &places) { return broken }
    let empty = leaves.filter { $0.messages == Ends(first: 0, last: 0) }
    let noted = Ends(bits: world.image.peek(Header.emptyLeaf)).first
    if empty.count > 1 || (empty.first?.node ?? 0) != noted {
      return "\(empty.count) types without messages, noted \(noted)"
    }
    if zip(leaves, leaves.dropFirst()).contains(where: { $0.type >= $1.type }) {
      return "the tree is out of order: \(leaves.map(\.type))"
    }
    for leaf in leaves {
      let own = queued.filter { $0.type == leaf.type }
      if own.contains(where: { $0.leaf != leaf.node }) { return "a message names another leaf" }
      var cells: [Int] = []
      if let broken = walkType(leaf.messages, into: &cells) { return broken }
      if cells != own.map(\.cell) { return "type \(leaf.type) has other messages than the queue" }
    }
    if let orphan = queued.first(where: { one in !leaves.contains { $0.type == one.type } }) {
      return "type \(orphan.type) is not in the tree"
    }
    return nil
  }

  /// Walks the tree in the order of types; bits get lower on the way down.
  private func walkTree(
    _ node: Int, below bit: Int, _ leaves: inout [(type: Int, messages: Ends, node: Int)],
    _ places: inout [Int: String]
  ) -> String? {
    guard node > 0 && node < cellsEnd else { return "the tree leads to cell \(node)" }
    if let other = places.updateValue("tree", forKey: node) { return "a node is in \(other) too" }
    let key = cellWord(node, TypeNode.key)
    let ends = Ends(bits: cellWord(node, TypeNode.ends))
    if key & TypeNode.inner == 0 {
      leaves.append((Int(Int64(bitPattern: key)), ends, node))
      return nil
    }
    let own = Int(key & 63)
    if own >= bit { return "bit \(own) is below bit \(bit)" }
    let first = leaves.count
    if let broken = walkTree(ends.first, below: own, &leaves, &places)
      ?? walkTree(ends.last, below: own, &leaves, &places)
    {
      return broken
    }
    let low = leaves[first].type
    let isInOne = leaves[first...].allSatisfy { ($0.type ^ low) >> own <= 1 }
    return isInOne ? nil : "types of one branch differ above bit \(own)"
  }

  private func walkType(_ ends: Ends, into cells: inout [Int]) -> String? {
    var cell = ends.first
    var previous = 0
    while cell != 0 {
      if cell >= cellsEnd || cells.count > cellsEnd { return "a type's list leads nowhere" }
      let links = Ends(bits: cellWord(cell, MessageCell.typeLinks))
      if links.first != previous { return "cell \(cell) does not point back in its type" }
      cells.append(cell)
      previous = cell
      cell = links.last
    }
    return ends.last == previous ? nil : "a type's last message is not its list's"
  }

  // MARK: Cells

  private func brokenCells(
    _ queued: [Queued], _ layout: QueueLayout, _ places: inout [Int: String]
  ) -> String? {
    func put(_ cell: Int, _ place: String) -> String? {
      places.updateValue(place, forKey: cell).map { "cell \(cell) is in \($0) and in \(place)" }
    }
    for message in queued {
      if let broken = put(message.cell, "the queue") { return broken }
    }
    for number in 0..<CellClass.count {
      var cell = Ends(bits: world.image.peek(Header.free(number))).first
      while cell != 0 {
        if cell >= cellsEnd { return "free cell \(cell) was never used" }
        if let broken = put(cell, "free list \(number)") { return broken }
        if classOf(cell) != number { return "free cell \(cell) is of class \(classOf(cell))" }
        cell = Ends(bits: cellWord(cell, MessageCell.nextFree)).first
      }
    }
    for member in 0..<memberHigh {
      let pocket = Ends(bits: settled(layout.stock(member) + Stock.pocket)).first
      let nodes = Ends(bits: settled(layout.stock(member) + Stock.nodes))
      for cell in [pocket, nodes.first, nodes.last] where cell != 0 {
        if let broken = put(cell, "stock \(member)") { return broken }
      }
    }
    for slot in 0..<waiterHigh where status(slot) != WaiterStatus.free {
      let cell = Int(word(slot, Waiter.cell) & 0xFF_FFFF)
      if cell != 0, let broken = put(cell, "slot \(slot)") { return broken }
    }
    // The first type of all needs one of its two nodes only, and the tree is never empty again.
    var spare = Ends(bits: settled(Header.types)).first == 0 ? 0 : 1
    var cell = 1
    while cell < cellsEnd {
      if places.removeValue(forKey: cell) == nil {
        spare -= 1
        if spare < 0 { return "cell \(cell) is lost" }
      }
      cell += CellClass.byteCount(classOf(cell)) / 64
    }
    if spare > 0 { return "the tree has an inner node too many" }
    return places.first.map { "\($0.value) has cell \($0.key), which is none" }
  }

  private func classOf(_ cell: Int) -> Int {
    min(Int(cellWord(cell, MessageCell.size) >> 56), CellClass.count - 1)
  }
}
