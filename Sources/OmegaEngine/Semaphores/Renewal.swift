/// A removed set's image becomes a new set's: making and unmaking a file costs tens of times what the
/// kernel's own set costs, and many programs make and remove sets again and again.
///
/// Only for an image that nobody but its maker has ever mapped (`Header.sharers`), so that no other
/// process can take the new set for the old one. Whoever maps an image announces it first and looks
/// at state and identifier then (`announceSharer`); the maker marks the set removed first and looks
/// for sharers then, so one of the two sees the other.
extension SemaphoreSet {
  /// Whether only the first page was ever written, by its maker: no members, no sleepers.
  public var isUnshared: Bool {
    image.load32(Header.sharers) == 0 && image.load(Header.memberHigh) == 0
      && image.load(Header.waiterHigh) == 0
      && layout.cell(layout.semaphoreCount) <= SetLayout.firstPage
      && image.load(Header.journalClaimed)
        <= UInt64((SetLayout.firstPage - layout.cell(layout.semaphoreCount)) / 16)
  }

  /// Makes the removed set a new one; `header` gives the word at an offset below 512. False when that
  /// cannot be any more.
  ///
  /// The image must have no name by which it could be found. A death in between leaves a file that is
  /// no set of anybody.
  public func renew<H: Host>(_ host: H, header: (Int) -> UInt64) -> Bool {
    guard var section = try? Section(self, host) else { return false }
    defer { section.close() }
    guard !section.isLive && isUnshared && image.load(Header.needsServe) == 0 else {
      return false
    }
    for offset in stride(from: SetLayout.headerByteCount, to: SetLayout.firstPage, by: 8) {
      image.store(0, offset)
    }
    for index in 0..<64 where !SetLayout.isKept(8 * index) {
      image.store(header(8 * index), 8 * index)
    }
    // Last: whoever mapped the image late sees the old set removed, or the new identifier.
    image.store(header(Header.state), Header.state)
    return true
  }
}

extension SetLayout {
  static var firstPage: Int { 4096 }

  /// Words that a renewal does not write: the lock, which it holds, the mark of sharers, which comes
  /// from others, and the state, which is written last.
  fileprivate static func isKept(_ offset: Int) -> Bool {
    offset >= Header.lock && offset < Header.journalCount || offset == Header.sharers
      || offset == Header.state
  }
}
