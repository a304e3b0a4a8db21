/// Where things stand in the file of a memory segment. The image that the engine knows is the control part
/// and the first page of the data; whoever attaches the segment maps the data alone.
///
/// ```
/// header │ journal │ members (64 B) │ data, from a page's border
/// ```
public struct SegmentLayout: Equatable, Sendable {
  /// The segment's size as it was asked for, at least 1. Immutable for the life of the image.
  public let byteCount: Int

  public static var magic: UInt64 { 0x31_6D68_5361_6765 }  // "egaShm1"
  public static var version: UInt64 { 2 }
  /// A transaction writes a handful of words.
  public static var journalCapacity: Int { 32 }
  private static var journal: Int { Frame.headerByteCount }
  /// The first members stand in the header's page.
  private static var members: Int { journal + 16 * journalCapacity }
  /// Where the data begins in the file. Nobody sleeps in a segment, so it ends with the members.
  public static var dataOffset: Int {
    Frame.rounded(members + Frame.membersByteCount, to: pageByteCount)
  }
  public static var pageByteCount: Int { 4096 }
  /// Bytes to map for the engine. With a page of the data, for the data is attached from it
  /// (`AttachedMemory.swift`).
  public static var imageByteCount: Int { dataOffset + pageByteCount }

  public init(byteCount: Int) { self.byteCount = byteCount }

  public var frame: Frame {
    Frame(
      journal: SegmentLayout.journal, journalCapacity: SegmentLayout.journalCapacity,
      members: SegmentLayout.members, waiters: SegmentLayout.dataOffset,
      byteCount: SegmentLayout.dataOffset)
  }

  /// Pages of the data, and their bytes.
  public static func pageCount(_ byteCount: Int) -> Int {
    byteCount / pageByteCount + (byteCount % pageByteCount == 0 ? 0 : 1)
  }
  public var mappedByteCount: Int {
    SegmentLayout.pageCount(byteCount) * SegmentLayout.pageByteCount
  }

  /// The largest segment whose image may become another's.
  public static var mostRenewed: Int { 16 * pageByteCount }

  /// The largest segment whose file may have the size that its layout asks for.
  public static var highestByteCount: Int { Int.max - dataOffset - 2 * pageByteCount }

  /// Size of the file: what the segment's size is above its last whole page stands beyond the data, so
  /// that the size is told to those too who only may stat the file.
  public var fileByteCount: Int {
    SegmentLayout.dataOffset + mappedByteCount + byteCount % SegmentLayout.pageByteCount
  }

  /// The size of a segment whose file has this size; 0 for a size that no segment's file has.
  public static func byteCount(ofFile fileByteCount: Int) -> Int {
    guard fileByteCount > dataOffset else { return 0 }
    let rest = fileByteCount % pageByteCount
    let mapped = fileByteCount - rest - dataOffset
    return rest == 0 ? mapped : max(0, mapped - pageByteCount + rest)
  }
}

extension Header {
  public static var attachTime: Int { 288 }  // L: shm_atime
  public static var detachTime: Int { 296 }  // L: shm_dtime
  public static var lastPid: Int { 304 }  // L: shm_lpid
  public static var segmentFlags: Int { 312 }  // L: `SegmentFlag`
}

extension Member {
  /// Attachments of the process, which are gone with it (low half), and since when it has any, in seconds
  /// since 1970 (high half); all 0 when there are none. L
  public static var attachments: Int { record }
  static func attachments(_ count: UInt64, since: UInt64) -> UInt64 {
    count & 0xFFFF_FFFF == 0 ? 0 : count & 0xFFFF_FFFF | since << 32
  }
  /// Which program of the process has attached: `Host.programNumber`. L
  public static var program: Int { 40 }
  /// When the slot was reserved for a child that is about to be forked, in seconds since 1970; 0 when it
  /// belongs to the process it names. L
  public static var reservedSince: Int { 56 }
}

/// Bits of a segment's mode that are no permissions.
public enum SegmentFlag {
  /// Marked for removal: gone with the last attachment.
  public static var doomed: UInt64 { 0o1000 }  // SHM_DEST
  public static var locked: UInt64 { 0o2000 }  // SHM_LOCKED
  /// Its memory was not claimed (SHM_NORESERVE). Not shown.
  public static var unclaimed: UInt64 { 0o10000 }
}
