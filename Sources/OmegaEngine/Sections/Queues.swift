/// Neighbours in a queue, or a queue's head (next) and tail (previous).
///
/// Both are waiter slots plus one, 0 for none: next in the low half, previous in the high half.
struct Links {
  var bits: UInt64

  init(bits: UInt64) { self.bits = bits }
  init(next: Int?, previous: Int?) {
    bits = UInt64((next ?? -1) + 1) | UInt64((previous ?? -1) + 1) << 32
  }

  var next: Int? { Links.slot(bits & 0xFFFF_FFFF) }
  var previous: Int? { Links.slot(bits >> 32) }

  /// A slot number that is inside the image, or nil.
  private static func slot(_ field: UInt64) -> Int? {
    field >= 1 && field <= UInt64(Frame.waiterCapacity) ? Int(field) - 1 : nil
  }
}

/// Doubly linked queues of waiter slots. A sleeper stands in the set's queue of its kind (alter or
/// const) and, when it has a single operation, in the queue of that semaphore as well.
extension Section {
  mutating func append(_ slot: Int, queue: Int, links: Int) {
    let head = Links(bits: image.load(queue))
    write(
      Links(next: nil, previous: head.previous).bits, frame.waiter(slot) + links)
    if let last = head.previous {
      let before = Links(bits: image.load(frame.waiter(last) + links))
      write(
        Links(next: slot, previous: before.previous).bits, frame.waiter(last) + links)
    }
    write(Links(next: head.next ?? slot, previous: slot).bits, queue)
  }

  mutating func unlink(_ slot: Int, queue: Int, links: Int) {
    let own = Links(bits: image.load(frame.waiter(slot) + links))
    var head = Links(bits: image.load(queue))
    if let next = own.next {
      let after = Links(bits: image.load(frame.waiter(next) + links))
      write(
        Links(next: after.next, previous: own.previous).bits, frame.waiter(next) + links)
    } else {
      head = Links(next: head.next, previous: own.previous)
    }
    if let previous = own.previous {
      let before = Links(bits: image.load(frame.waiter(previous) + links))
      write(
        Links(next: own.next, previous: before.previous).bits, frame.waiter(previous) + links)
    } else {
      head = Links(next: own.next, previous: head.previous)
    }
    write(head.bits, queue)
    write(0, frame.waiter(slot) + links)
  }
}
