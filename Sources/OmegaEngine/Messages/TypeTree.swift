/// The types of the queued messages: a binary tree by the highest bits in which they differ (a crit-bit
/// tree), so that the messages of a type, and those of the lowest type, are found in a number of steps
/// that depends on the types that are there and not on the messages.
///
/// One type without messages may stay in the tree (`Header.emptyLeaf`): a queue that is filled and
/// emptied again and again is not rebuilt each time.
extension MessageQueue {
  /// Where a node hangs: the word with the reference, and which of its two.
  struct Place {
    var offset: Int
    var side: Int
  }

  /// Where a type is, or would be.
  struct TypePlace {
    /// The leaf with that type, or with the nearest; 0 in an empty tree.
    var leaf = 0
    var isFound = false
    /// Where the leaf hangs, and its parent; `parent` is 0 for the root.
    var place = Place(offset: Header.types, side: 0)
    var parent = 0
    var parentPlace = Place(offset: Header.types, side: 0)
  }

  @inline(__always)
  private func key(_ node: Int) -> UInt64 { image.load(layout.cell(node) &+ TypeNode.key) }

  @inline(__always)
  private func ends(of node: Int) -> Int { layout.cell(node) &+ TypeNode.ends }

  @inline(__always)
  func find(type: Int64) -> TypePlace {
    let bits = UInt64(bitPattern: type)
    var found = TypePlace()
    found.leaf = ends(Header.types).first
    if found.leaf == 0 { return found }
    // A tree of 63 bits is no deeper, whatever a peer has made of it.
    for _ in 0..<64 {
      let key = key(found.leaf)
      if key & TypeNode.inner == 0 {
        found.isFound = key == bits
        return found
      }
      descend(&found, side: Int(bits >> (key & 63) & 1))
    }
    return TypePlace()
  }

  @inline(__always)
  private func descend(_ found: inout TypePlace, side: Int) {
    found.parent = found.leaf
    found.parentPlace = found.place
    found.place = Place(offset: ends(of: found.parent), side: side)
    found.leaf = ends(found.place.offset).child(side)
  }

  /// The leaf of the lowest type that has messages; 0 when there is none.
  func lowestType() -> Int {
    let lowest = leftmost(ends(Header.types).first, 0)
    if lowest == 0 || ends(ends(of: lowest)).first != 0 { return lowest }
    // It is the empty one: the next is the lowest on the other side of its parent, which may not be a
    // leaf; and no second one is empty.
    let place = find(type: Int64(bitPattern: key(lowest)))
    guard place.parent != 0 else { return 0 }
    return leftmost(ends(ends(of: place.parent)).last, 0)
  }

  private func leftmost(_ node: Int, _ depth: Int) -> Int {
    var node = node
    for _ in 0..<64 where node != 0 {
      if key(node) & TypeNode.inner == 0 { return node }
      node = ends(ends(of: node)).first
    }
    return 0
  }

  func type(ofLeaf leaf: Int) -> Int64 { Int64(bitPattern: key(leaf)) }
  @inline(__always) func messages(ofLeaf leaf: Int) -> Ends { ends(ends(of: leaf)) }

  @inline(__always)
  func setMessages<C: Change>(ofLeaf leaf: Int, _ messages: Ends, _ change: inout C) {
    let offset = ends(of: leaf)
    let old = image.load(offset)
    change.set(offset, old, Tagged(bits: old).next(messages.bits))
  }

  /// Hangs a new leaf in, made of the two nodes, which the caller owns. The leaf is `nodes.first`.
  func insert<C: Change>(
    type: Int64, messages: Ends, nodes: Ends, near found: TypePlace, _ change: inout C
  ) {
    let leaf = nodes.first
    // The nodes are nobody else's: no record is needed for what they hold.
    image.store(UInt64(bitPattern: type), layout.cell(leaf) + TypeNode.key)
    store(messages, ends(of: leaf))
    var place = Place(offset: Header.types, side: 0)
    if found.leaf == 0 {
      replace(place, by: leaf, &change)
      return
    }
    let bits = UInt64(bitPattern: type)
    let difference = bits ^ key(found.leaf)
    let bit = UInt64(63 - difference.leadingZeroBitCount) & 63
    var node = ends(Header.types).first
    for _ in 0..<64 {
      let key = key(node)
      if key & TypeNode.inner == 0 || key & 63 < bit { break }
      let side = Int(bits >> (key & 63) & 1)
      place = Place(offset: ends(of: node), side: side)
      node = ends(place.offset).child(side)
    }
    let inner = nodes.last
    let side = Int(bits >> bit & 1)
    image.store(TypeNode.inner | bit, layout.cell(inner) + TypeNode.key)
    store(
      side == 0 ? Ends(first: leaf, last: node) : Ends(first: node, last: leaf), ends(of: inner))
    replace(place, by: inner, &change)
  }

  /// Takes a leaf out; returns the two nodes that are free then, which the caller keeps or frees.
  func remove<C: Change>(_ found: TypePlace, _ change: inout C) -> Ends {
    let sibling = ends(found.place.offset).child(1 - found.place.side)
    replace(found.parentPlace, by: sibling, &change)
    return Ends(first: found.leaf, last: found.parent)
  }

  private func replace<C: Change>(_ place: Place, by node: Int, _ change: inout C) {
    let old = image.load(place.offset)
    change.set(
      place.offset, old,
      Tagged(bits: old).next(Ends(bits: old).replacing(place.side, by: node).bits))
  }

  /// Stores into a word that nobody else changes, its tag counted on.
  @inline(__always)
  func store(_ ends: Ends, _ offset: Int) {
    image.store(Tagged(bits: image.load(offset)).next(ends.bits), offset)
  }
}
