/// Where things stand in the image of a message queue: a function of the size of its cell region alone.
///
/// ```
/// header │ journal │ members (64 B) │ stocks (1 KiB a member) │ waiters (256 B) │ cells
/// ```
///
/// A message lies in one *cell*: a block of a size class, with a header of 48 bytes. Cells are named by
/// *references*: their distance from the region's start in units of 64 bytes, 0 for none.
public struct QueueLayout: Equatable, Sendable {
  /// Size of the cell region in units of 64 KiB, 1…16383. Most of it is never touched.
  public let size: Int
  public let frame: Frame
  @usableFromInline let stocks: Int
  @usableFromInline let cells: Int

  public static var magic: UInt64 { 0x31_67_734D_6167_656D }  // "megaMsg1"
  public static var version: UInt64 { 2 }
  static var unit: Int { 65536 }
  public static var largestSize: Int { 16383 }
  static var stockByteCount: Int { 1024 }
  /// A transaction of a queue changes some twenty words; removing a member's stock the most.
  static var journalCapacity: Int { 1600 }

  public init(size: Int) {
    self.size = size
    let journal = Frame.headerByteCount
    let members = Frame.rounded(journal + 16 * QueueLayout.journalCapacity, to: 4096)
    stocks = members + Frame.membersByteCount
    let waiters = stocks + QueueLayout.stockByteCount * (Frame.memberCapacity + 1)
    cells = waiters + Frame.waitersByteCount
    frame = Frame(
      journal: journal, journalCapacity: QueueLayout.journalCapacity, members: members,
      waiters: waiters, byteCount: cells + QueueLayout.unit * size)
  }

  /// The size of a queue that holds up to `byteCount` bytes: 256 bytes of image for each, for a queue
  /// of messages of one byte with as many types needs 192.
  public static func size(forQueueOf byteCount: Int) -> Int {
    min(max(byteCount, 32768) / 256, largestSize)
  }

  /// The size of the queue whose file has so many bytes; 0 for a file that is none.
  public static func size(ofFile byteCount: Int) -> Int {
    let region = byteCount - QueueLayout(size: 0).cells
    guard region > 0 && region % unit == 0 && region / unit <= largestSize else { return 0 }
    return region / unit
  }

  @inlinable @inline(__always) func stock(_ member: Int) -> Int { stocks &+ 1024 &* member }
  @inlinable @inline(__always) func cell(_ reference: Int) -> Int { cells &+ 64 &* reference }
}

/// Size classes of cells. The first also serves for the nodes of the tree of types.
public enum CellClass {
  public static var count: Int { 15 }
  static var headerByteCount: Int { 48 }
  /// Bytes of a cell: 64, 128, 256, 512, then a power of two and 64 for the header.
  @inlinable @inline(__always)
  static func byteCount(_ number: Int) -> Int { number < 4 ? 64 << number : 64 << number &+ 64 }
  /// The smallest class that holds a message of so many bytes.
  @inlinable @inline(__always)
  static func of(_ byteCount: Int) -> Int {
    if byteCount <= 16 { return 0 }
    if byteCount <= 464 {
      return Int.bitWidth &- (byteCount &+ 47).leadingZeroBitCount &- 6
    }
    // From the fifth class on the payload has 16 bytes more than a power of two.
    return max(Int.bitWidth &- (byteCount &- 17).leadingZeroBitCount &- 6, 4)
  }
  /// The largest message that any cell holds, in bytes.
  public static var largestMessage: Int { 64 << (count - 1) }
}

/// Words of the header that only queues have. Those marked T are *tagged*: see `Tagged`.
extension Header {
  public static var record: Int { 136 }  // `RecordWord`, T in its own way
  public static var fifo: Int { 144 }  // T: oldest and newest message, as `Ends`
  public static var types: Int { 152 }  // T: root of the tree of types, as `Ends.first`
  public static var counts: Int { 160 }  // T: `Counts`
  public static var lastSend: Int { 168 }  // T: `Stamp`
  public static var lastReceive: Int { 176 }  // T: `Stamp`
  public static var queueBytes: Int { 184 }  // L: msg_qbytes
  public static var receivers: Int { firstQueue }
  public static var senders: Int { secondQueue }
  /// T: the one type without messages that stays in the tree.
  public static var emptyLeaf: Int { 224 }
  public static var bump: Int { 280 }  // L: cells from this reference on were never used
  /// T: free cells of a class.
  @inlinable @inline(__always) static func free(_ number: Int) -> Int { 288 &+ 8 &* number }
}

/// Words of a cell. The payload follows.
enum MessageCell {
  static var fifoLinks: Int { 0 }  // T: neighbours in the queue, as `Ends`
  static var typeLinks: Int { 8 }  // T: neighbours of the same type
  static var type: Int { 16 }
  static var size: Int { 24 }  // bytes (low 32 bits), class (high 8)
  static var leaf: Int { 32 }  // node of its type
  static var nextFree: Int { 40 }  // T: in a free cell
  static var payload: Int { 48 }
}

/// Words of a node of the tree of types: a leaf is a type, an inner node a bit in which types differ.
enum TypeNode {
  /// A leaf's type, above 0; or `inner` and the number of the bit.
  static var key: Int { 0 }
  /// T: a leaf's oldest and newest message, or an inner node's children for bit 0 and 1.
  static var ends: Int { 8 }
  static var inner: UInt64 { 1 << 63 }
}

/// Words of a member's stock: cells it owns, and the records of its fast calls.
enum Stock {
  static var pocket: Int { 0 }  // T: a cell for the next message it sends
  static var nodes: Int { 8 }  // T: two nodes for the next new type, as `Ends`
  /// Two buffers, used in turn, so that the last committed record stays whole.
  static func record(_ sequence: UInt64) -> Int { 64 &+ 384 &* Int(sequence & 1) }
  static var entryCapacity: Int { 16 }
}

/// Words of a waiter's slot that only queues have.
extension Waiter {
  /// A sender's message; a receiver's when it was handed over. L
  public static var cell: Int { 96 }
  static var wantedType: Int { 104 }
  static var flags: Int { 112 }  // of msgrcv; the low 32 bits
  static var capacity: Int { 120 }  // bytes of the receiver's buffer
  static var isSender: Int { 128 }
  static var state: Int { 136 }  // `Header.state` for which a sender was authorized
}
