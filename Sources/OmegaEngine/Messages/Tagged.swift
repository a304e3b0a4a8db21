/// A word whose top 16 bits count its changes, so that a store that comes too late is noticed.
///
/// A thread in a fast call holds the lock, but its own signal handler may take it from there: what the
/// call then still does must not hurt. It changes tagged words by compare-and-swap only, from the value
/// it has read while it held the lock; whoever took over has either finished that change or made
/// another, and the tag tells either from the value before.
struct Tagged {
  var bits: UInt64
  @inline(__always) init(bits: UInt64) { self.bits = bits }
  @inline(__always) var value: UInt64 { bits & 0xFFFF_FFFF_FFFF }
  /// The word's next value.
  @inline(__always)
  func next(_ value: UInt64) -> UInt64 {
    value & 0xFFFF_FFFF_FFFF | (bits & ~0xFFFF_FFFF_FFFF) &+ 1 << 48
  }
}

/// Two references: the ends of a list, or the neighbours in it (previous is first, next is last).
struct Ends: Equatable {
  var first: Int
  var last: Int
  @inline(__always) init(first: Int, last: Int) {
    self.first = first
    self.last = last
  }
  @inline(__always) init(bits: UInt64) {
    first = Int(bits & 0xFF_FFFF)
    last = Int(bits >> 24 & 0xFF_FFFF)
  }
  @inline(__always) var bits: UInt64 { UInt64(first) | UInt64(last) << 24 }
  /// A child of an inner node.
  @inline(__always) func child(_ side: Int) -> Int { side == 0 ? first : last }
  @inline(__always)
  func replacing(_ side: Int, by reference: Int) -> Ends {
    side == 0 ? Ends(first: reference, last: last) : Ends(first: first, last: reference)
  }
}

/// `msg_qnum` (20 bits) and `msg_cbytes` (28 bits).
struct Counts {
  var messages: Int
  var bytes: Int
  @inline(__always) init(bits: UInt64) {
    messages = Int(bits & 0xF_FFFF)
    bytes = Int(bits >> 20 & 0xFFF_FFFF)
  }
  @inline(__always) var bits: UInt64 {
    UInt64(messages & 0xF_FFFF) | UInt64(bytes & 0xFFF_FFFF) << 20
  }

  @inline(__always)
  func adding(_ size: Int) -> Counts {
    var counts = self
    counts.messages &+= 1
    counts.bytes &+= size
    return counts
  }

  /// Never below 0, whatever a peer has scribbled.
  @inline(__always)
  func removing(_ size: Int) -> Counts {
    var counts = self
    counts.messages = max(counts.messages &- 1, 0)
    counts.bytes = max(counts.bytes &- size, 0)
    return counts
  }

  /// Whether another message fits: msg_fits_inqueue in ipc/msg.c.
  @inline(__always)
  func fits(_ size: Int, _ queueBytes: Int) -> Bool {
    size &+ bytes <= queueBytes && messages &+ 1 <= queueBytes
      && messages < 0xF_FFFF && size &+ bytes <= 0xFFF_FFFF
  }
}

/// Who sent or received last, and when: pid (22 bits), seconds (32 bits); the top 10 are the tag.
struct Stamp {
  var bits: UInt64
  @inline(__always) init(bits: UInt64) { self.bits = bits }
  @inline(__always) var pid: UInt32 { UInt32(bits & 0x3F_FFFF) }
  /// Seconds since 1970, up to 2106.
  @inline(__always) var time: Int64 { Int64(bits >> 22 & 0xFFFF_FFFF) }
  @inline(__always)
  func isSame(pid: UInt32, time: Int64) -> Bool {
    bits & 0x3F_FFFF_FFFF_FFFF
      == UInt64(pid & 0x3F_FFFF) | UInt64(UInt32(truncatingIfNeeded: time)) << 22
  }
  @inline(__always)
  func next(pid: UInt32, time: Int64) -> UInt64 {
    UInt64(pid & 0x3F_FFFF) | UInt64(UInt32(truncatingIfNeeded: time)) << 22
      | (bits & ~0x3F_FFFF_FFFF_FFFF) &+ 1 << 54
  }
}
