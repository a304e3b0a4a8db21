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

  /// Where a leaf hangs, and its parent; `parent` is 0 for the root.
  struct LeafPlace {
    var leaf = 0
    var place = Place(offset: Header.types, side: 0)
    var parent = 0
    var parentPlace = Place(offset: Header.types, side: 0)
  }

  @inline(__always)
  private var root: Int { Ends(bits: image.header.load(Header.types)).first }

  /// The leaf with a type, or with the nearest; 0 in an empty tree.
  @inline(__always)
  func nearest(type: Int64) -> Int {
    let bits = UInt64(bitPattern: type)
    var node = root
    // A tree of 63 bits is no deeper, whatever a peer has made of it.
    var depth = 0
    while node != 0 && depth < 64 {
      let words = cell(node)
      let key = words.load(TypeNode.key)
      if key & TypeNode.inner == 0 { return node }
      node = Ends(bits: words.load(TypeNode.ends)).child(Int(bits >> (key & 63) & 1))
      depth &+= 1
    }
    return 0
  }

  /// The leaf with a type; 0 when there is none.
  @inline(__always)
  func find(type: Int64) -> Int {
    let leaf = nearest(type: type)
    return leaf != 0 && self.type(ofLeaf: leaf) == type ? leaf : 0
  }

  private func place(ofLeaf leaf: Int) -> LeafPlace {
    let bits = UInt64(bitPattern: type(ofLeaf: leaf))
    var found = LeafPlace()
    found.leaf = root
    for _ in 0..<64 where found.leaf != 0 {
      let words = cell(found.leaf)
      let key = words.load(TypeNode.key)
      if key & TypeNode.inner == 0 { return found }
      let side = Int(bits >> (key & 63) & 1)
      found.parent = found.leaf
      found.parentPlace = found.place
      found.place = Place(offset: words.offset &+ TypeNode.ends, side: side)
      found.leaf = Ends(bits: words.load(TypeNode.ends)).child(side)
    }
    return LeafPlace()
  }

  /// The leaf of the lowest type that has messages; 0 when there is none.
  func lowestType() -> Int {
    let lowest = leftmost(root)
    if lowest == 0 || messages(ofLeaf: lowest).first != 0 { return lowest }
    // It is the empty one: the next is the lowest on the other side of its parent, and not empty, for
    // only one is.
    let parent = place(ofLeaf: lowest).parent
    return parent == 0 ? 0 : leftmost(Ends(bits: cell(parent).load(TypeNode.ends)).last)
  }

  private func leftmost(_ node: Int) -> Int {
    var node = node
    for _ in 0..<64 where node != 0 {
      let words = cell(node)
      if words.load(TypeNode.key) & TypeNode.inner == 0 { return node }
      node = Ends(bits: words.load(TypeNode.ends)).first
    }
    return 0
  }

  @inline(__always)
  func type(ofLeaf leaf: Int) -> Int64 { Int64(bitPattern: cell(leaf).load(TypeNode.key)) }
  @inline(__always)
  func messages(ofLeaf leaf: Int) -> Ends { Ends(bits: cell(leaf).load(TypeNode.ends)) }

  /// Hangs a new leaf in, made of the two nodes, which the caller owns. The leaf is `nodes.first`.
  @inline(never)
  func insert<C: Change>(type: Int64, messages: Ends, nodes: Ends, _ change: inout C) {
    let nearest = nearest(type: type)
    // The nodes are nobody else's: no record is needed for what they hold.
    let leaf = cell(nodes.first)
    leaf.store(UInt64(bitPattern: type), TypeNode.key)
    leaf.store(Tagged(bits: leaf.load(TypeNode.ends)).next(messages.bits), TypeNode.ends)
    var place = Place(offset: Header.types, side: 0)
    if nearest == 0 {
      replace(place, by: nodes.first, &change)
      return
    }
    let bits = UInt64(bitPattern: type)
    let difference = bits ^ UInt64(bitPattern: self.type(ofLeaf: nearest))
    // Never 0, unless a peer scribbles over the type meanwhile.
    let bit = UInt64(truncatingIfNeeded: 63 &- difference.leadingZeroBitCount) & 63
    var node = root
    for _ in 0..<64 {
      let words = cell(node)
      let key = words.load(TypeNode.key)
      if key & TypeNode.inner == 0 || key & 63 < bit { break }
      let side = Int(bits >> (key & 63) & 1)
      place = Place(offset: words.offset + TypeNode.ends, side: side)
      node = Ends(bits: words.load(TypeNode.ends)).child(side)
    }
    let inner = cell(nodes.last)
    let children =
      bits >> bit & 1 == 0
      ? Ends(first: nodes.first, last: node) : Ends(first: node, last: nodes.first)
    inner.store(TypeNode.inner | bit, TypeNode.key)
    inner.store(Tagged(bits: inner.load(TypeNode.ends)).next(children.bits), TypeNode.ends)
    replace(place, by: nodes.last, &change)
  }

  /// Takes a leaf out; returns the two nodes that are free then, which the caller keeps or frees, or
  /// zeros when it must stay.
  @inline(never)
  func remove<C: Change>(leaf: Int, _ change: inout C) -> Ends {
    let found = place(ofLeaf: leaf)
    guard found.leaf == leaf && found.parent != 0 else { return Ends(first: 0, last: 0) }
    let siblings = Ends(bits: cell(found.parent).load(TypeNode.ends))
    replace(found.parentPlace, by: siblings.child(1 - found.place.side), &change)
    return Ends(first: leaf, last: found.parent)
  }

  private func replace<C: Change>(_ place: Place, by node: Int, _ change: inout C) {
    let old = image.load(place.offset)
    change.set(
      place.offset, old,
      Tagged(bits: old).next(Ends(bits: old).replacing(place.side, by: node).bits))
  }
}
