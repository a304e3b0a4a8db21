/// Changes of a queue's words, all or none of which happen.
///
/// Locked sections journal them and store at once; fast calls collect them in a record. So whoever
/// plans a change reads all it needs first and then sets each word once.
protocol Change {
  mutating func set(_ offset: Int, _ old: UInt64, _ new: UInt64)
}

extension Section: Change where Object == MessageQueue {
  mutating func set(_ offset: Int, _ old: UInt64, _ new: UInt64) { write(new, offset) }
}

/// `Header.record`: whose record was committed last, and which of its buffers.
///
/// | bits | |
/// |---|---|
/// | 0–31 | sequence; the lowest bit names the buffer |
/// | 32–47 | the member |
/// | 48–55 | entries, 0 when there is nothing to be done |
@usableFromInline
struct RecordWord {
  @usableFromInline var bits: UInt64
  @inlinable @inline(__always) init(bits: UInt64) { self.bits = bits }
  @inline(__always) init(sequence: UInt64, member: Int, count: Int) {
    bits = sequence & 0xFFFF_FFFF | UInt64(member) << 32 | UInt64(count) << 48
  }
  @inline(__always) var sequence: UInt64 { bits & 0xFFFF_FFFF }
  @inline(__always) var nextSequence: UInt64 { (sequence &+ 1) & 0xFFFF_FFFF }
  @inline(__always) var member: Int { min(Int(bits >> 32 & 0xFFFF), Frame.memberCapacity - 1) }
  @inline(__always) var count: Int { min(Int(bits >> 48 & 0xFF), Stock.entryCapacity) }
}

/// The record of a fast call: the words it changes, from what to what.
///
/// Written into the member's own stock while it holds the lock; one compare-and-swap of
/// `Header.record` makes all of it happen, whoever carries it out (`MessageQueue.carryOut`).
struct Record: Change {
  let member: Int
  let before: RecordWord
  /// The member's stock, and where in it the record stands.
  let stock: ImageWindow<1024>
  let base: Int
  var count = 0

  @inline(__always)
  init(_ stock: ImageWindow<1024>, member: Int, after before: RecordWord) {
    self.member = member
    self.stock = stock
    self.before = before
    base = Stock.record(before.nextSequence)
  }

  @inline(__always)
  mutating func set(_ offset: Int, _ old: UInt64, _ new: UInt64) {
    // Unreachable: the largest change has fifteen words.
    guard count < Stock.entryCapacity else { return }
    let entry = base &+ 24 &* count
    stock.store(UInt64(bitPattern: Int64(offset)), entry)
    stock.store(old, entry &+ 8)
    stock.store(new, entry &+ 16)
    count &+= 1
  }

  /// A word of the member's stock, which nobody else changes while this call is under way: whoever
  /// carries the record out stores it, and storing it again is the same.
  @inline(__always)
  mutating func setStock(_ position: Int, _ old: UInt64, _ new: UInt64) {
    set(stock.offset &+ position &+ 1, old, new)
  }

  /// Makes the record happen; false when the lock was taken over by a signal handler's call.
  @inline(__always)
  func commit(_ queue: MessageQueue) -> Bool {
    let committed = RecordWord(sequence: before.nextSequence, member: member, count: count)
    guard queue.image.header.exchange(before.bits, committed.bits, Header.record) else {
      return false
    }
    queue.carryOut(stock, base, count: count)
    return true
  }
}

extension MessageQueue {
  /// Carries out a committed record. Doing it again changes nothing: each tagged word has its new value
  /// by then, or a later one.
  @inline(__always)
  func carryOut(_ stock: ImageWindow<1024>, _ base: Int, count: Int) {
    var entry = base
    for _ in 0..<count {
      let offset = Int(truncatingIfNeeded: stock.load(entry))
      // A scribbled entry must not reach the lock or the geometry.
      if offset & 1 != 0 {
        if offset > Header.fifo { image.store(stock.load(entry &+ 16), offset &- 1) }
      } else if offset >= Header.fifo {
        _ = image.exchange(stock.load(entry &+ 8), stock.load(entry &+ 16), offset)
      }
      entry &+= 24
    }
  }

  /// After the lock was taken from a thread in a fast call: finishes what it had committed and makes
  /// sure that it cannot commit any more.
  public func closeRecord<H: Host>(_ host: H) {
    let word = RecordWord(bits: image.load(Header.record))
    host.crashPoint()
    carryOut(stock(word.member), Stock.record(word.sequence), count: word.count)
    host.crashPoint()
    image.store(
      RecordWord(sequence: word.nextSequence, member: word.member, count: 0).bits, Header.record)
    host.crashPoint()
  }
}
