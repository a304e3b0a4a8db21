import Synchronization

/// A stretch of an image that was checked once: what is read and written in it needs no more checks,
/// for an offset is cut to the stretch.
///
/// `size` is a power of two, at least 16; offsets are multiples of 8. Orderings are those of `Image`.
@safe
public struct ImageWindow<let size: Int> {
  // SAFETY: `size` bytes from here on are inside the image's mapping (`Image.window`).
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Where it stands in the image.
  public let offset: Int

  @unsafe @inlinable @inline(__always)
  init(base: UnsafeMutableRawPointer, offset: Int) {
    unsafe self.base = base
    self.offset = offset
  }

  // SAFETY: the mask keeps the word inside the stretch and aligned.
  @inlinable @inline(__always)
  func word(_ position: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe (base + position & (size &- 8)).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  @inlinable @inline(__always)
  public func load(_ position: Int) -> UInt64 {
    // SAFETY: see `word`.
    unsafe word(position).pointee.load(ordering: .acquiring)
  }

  @inlinable @inline(__always)
  public func store(_ value: UInt64, _ position: Int) {
    // SAFETY: see `word`.
    unsafe word(position).pointee.store(value, ordering: .releasing)
  }

  @inlinable @inline(__always)
  public func exchange(_ old: UInt64, _ new: UInt64, _ position: Int) -> Bool {
    // SAFETY: see `word`.
    unsafe word(position).pointee.compareExchange(
      expected: old, desired: new, ordering: .acquiringAndReleasing
    ).exchanged
  }
}

extension Image {
  /// Where a window goes whose offset is bad: to bytes of the header that nobody reads.
  @usableFromInline static var sinkBlock: Int { 448 }

  /// A window; one of at most 64 bytes at a bad offset stands over the sink, a larger one over the
  /// image's beginning (its offset must come from a layout).
  @inlinable @inline(__always)
  public func window<let size: Int>(_ offset: Int) -> ImageWindow<size> {
    let inside = offset >= 0 && offset <= byteCount &- size && offset & 7 == 0
    let place = inside ? offset : size <= 64 ? Image.sinkBlock : 0
    // SAFETY: inside, for the initialiser's contract makes an image at least as large as its header.
    return unsafe ImageWindow(base: base + place, offset: place)
  }

  /// The header.
  @inlinable @inline(__always)
  public var header: ImageWindow<512> {
    // SAFETY: as above.
    unsafe ImageWindow(base: base, offset: 0)
  }
}
