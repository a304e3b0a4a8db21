/// A removed object's image becomes a new one's: making and unmaking a file costs tens of times what the
/// kernel's own object costs, and many programs make and remove objects again and again.
///
/// Only for an image that nobody but its maker has ever mapped (`Header.sharers`), so that no other
/// process can take the new object for the old one. Whoever maps an image announces it first and looks
/// at state and identifier then (`announceSharer`); the maker marks the object removed first and looks
/// for sharers then, so one of the two sees the other.
public protocol RenewableObject: IPCObject {
  /// Whether nobody but its maker has used the image, and in it only the first page. Without the lock,
  /// or with it.
  var isUnshared: Bool { get }
}

extension RenewableObject {
  /// Makes the removed object a new one; `header` gives the word at an offset below 512. False when that
  /// cannot be any more.
  ///
  /// The image must have no name by which it could be found. A death in between leaves a file that is
  /// no object of anybody.
  public func renew<H: Host>(_ host: H, header: (Int) -> UInt64) -> Bool {
    guard var section = try? Section(self, host) else { return false }
    defer { section.close() }
    guard !section.isLive && isUnshared && image.load(Header.needsServe) == 0 else {
      return false
    }
    for offset in stride(from: Frame.headerByteCount, to: Frame.firstPage, by: 8) {
      image.store(0, offset)
    }
    for index in 0..<64 where !Frame.isKept(8 * index) {
      image.store(header(8 * index), 8 * index)
    }
    // Last: whoever mapped the image late sees the old object removed, or the new identifier.
    image.store(header(Header.state), Header.state)
    return true
  }
}

extension SemaphoreSet: RenewableObject {
  /// No members, no sleepers.
  public var isUnshared: Bool {
    image.load32(Header.sharers) == 0 && image.load(Header.memberHigh) == 0
      && image.load(Header.waiterHigh) == 0
      && layout.cell(layout.semaphoreCount) <= Frame.firstPage
      && image.load(Header.journalClaimed)
        <= UInt64((Frame.firstPage - layout.cell(layout.semaphoreCount)) / 16)
  }
}

extension SharedSegment: RenewableObject {
  /// A small one whose memory was claimed, that was not marked for removal before it was removed.
  public var isUnshared: Bool {
    image.load32(Header.sharers) == 0 && image.load(Header.memberHigh) <= 1
      && image.load(Header.segmentFlags) & ~SegmentFlag.locked == 0
      && layout.mappedByteCount <= SegmentLayout.mostRenewed
  }
}

extension Frame {
  static var firstPage: Int { 4096 }

  /// Words that a renewal does not write: the lock, which it holds, the mark of sharers, which comes
  /// from others, and the state, which is written last.
  fileprivate static func isKept(_ offset: Int) -> Bool {
    offset >= Header.lock && offset < Header.journalCount || offset == Header.sharers
      || offset == Header.state
  }
}
