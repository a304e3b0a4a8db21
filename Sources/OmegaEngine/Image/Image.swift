import Synchronization

/// A flat, relocatable memory image shared by many processes: the only place of the engine that turns
/// offsets into memory.
///
/// Shared memory is hostile input. Every access checks its offset; one that is outside or misaligned
/// goes to the *sink*, a word of the header that nobody reads, so a damaged image can neither crash
/// its reader nor lead it outside.
///
/// Orderings: loads acquire and stores release, because each word of an image publishes others (a
/// journal count its entries, a status its result). On x86-64 both are plain moves.
@safe
public struct Image {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Size in bytes of the mapping, a multiple of 8.
  public let byteCount: Int

  /// Offset of the word that takes accesses with a bad offset.
  @usableFromInline static var sink: Int { 504 }

  /// Loads of a word in flight before a caller without the lock gives up waiting for its change.
  static var shortWait: Int { 2000 }

  /// Wraps `byteCount` bytes at `base`.
  ///
  /// The memory must stay mapped and writable for as long as the value and its copies are used, and
  /// `byteCount` must be at least 512.
  @unsafe @inlinable
  public init(base: UnsafeMutableRawPointer, byteCount: Int) {
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// The address of the word at `offset`, or of the sink.
  @inlinable @inline(__always)
  func checked(_ offset: Int, size: Int) -> Int {
    let inside = offset >= 0 && offset <= byteCount &- size && offset & (size &- 1) == 0
    return inside ? offset : Image.sink
  }

  // SAFETY: `checked` keeps the offset inside the mapping and aligned, the initialiser's contract
  // keeps the mapping alive, and every access to shared words is atomic.
  @inlinable @inline(__always)
  func word64(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe (base + checked(offset, size: 8)).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  // SAFETY: as `word64`.
  @inlinable @inline(__always)
  func word32(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe (base + checked(offset, size: 4)).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @inlinable @inline(__always)
  public func load(_ offset: Int) -> UInt64 {
    // SAFETY: see `word64`.
    unsafe word64(offset).pointee.load(ordering: .acquiring)
  }

  @inlinable @inline(__always)
  public func store(_ value: UInt64, _ offset: Int) {
    // SAFETY: see `word64`.
    unsafe word64(offset).pointee.store(value, ordering: .releasing)
  }

  /// Replaces `old` by `new`; false when the word held something else.
  ///
  /// Acquires and releases: every compare-and-swap of the engine is both the end of a decision made
  /// on earlier loads and the publication of it.
  @inlinable @inline(__always)
  public func exchange(_ old: UInt64, _ new: UInt64, _ offset: Int) -> Bool {
    // SAFETY: see `word64`.
    unsafe word64(offset).pointee.compareExchange(
      expected: old, desired: new, ordering: .acquiringAndReleasing
    ).exchanged
  }

  @inlinable @inline(__always)
  public func load32(_ offset: Int) -> UInt32 {
    // SAFETY: see `word32`.
    unsafe word32(offset).pointee.load(ordering: .acquiring)
  }

  @inlinable @inline(__always)
  public func store32(_ value: UInt32, _ offset: Int) {
    // SAFETY: see `word32`.
    unsafe word32(offset).pointee.store(value, ordering: .releasing)
  }

  @inlinable @inline(__always)
  public func exchange32(_ old: UInt32, _ new: UInt32, _ offset: Int) -> Bool {
    // SAFETY: see `word32`.
    unsafe word32(offset).pointee.compareExchange(
      expected: old, desired: new, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// Stores `new` and returns what was there.
  @inlinable @inline(__always)
  public func swap32(_ new: UInt32, _ offset: Int) -> UInt32 {
    // SAFETY: see `word32`.
    unsafe word32(offset).pointee.exchange(new, ordering: .acquiringAndReleasing)
  }

  // MARK: Trusted offsets, for the fast paths

  // SAFETY: the caller took the offset from a `SetLayout` with an index it compared with the layout's
  // own count; layouts are process-local and were checked against the mapping's size.
  @unsafe @inlinable @inline(__always)
  func trusted64(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  @unsafe @inlinable @inline(__always)
  public func loadTrusted(_ offset: Int) -> UInt64 {
    unsafe trusted64(offset).pointee.load(ordering: .acquiring)
  }

  @unsafe @inlinable @inline(__always)
  func storeTrusted(_ value: UInt64, _ offset: Int) {
    unsafe trusted64(offset).pointee.store(value, ordering: .releasing)
  }

  @unsafe @inlinable @inline(__always)
  func exchangeTrusted(_ old: UInt64, _ new: UInt64, _ offset: Int) -> Bool {
    unsafe trusted64(offset).pointee.compareExchange(
      expected: old, desired: new, ordering: .acquiringAndReleasing
    ).exchanged
  }

  @unsafe @inlinable @inline(__always)
  public func loadTrusted32(_ offset: Int) -> UInt32 {
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
      .pointee.load(ordering: .acquiring)
  }

  @unsafe @inlinable @inline(__always)
  public func storeTrusted32(_ value: UInt32, _ offset: Int) {
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
      .pointee.store(value, ordering: .releasing)
  }

  @unsafe @inlinable @inline(__always)
  public func trustedAddress(_ offset: Int) -> UnsafeMutableRawPointer { unsafe base + offset }

  /// A stretch of bytes that are no shared words; nil when it is not inside.
  @inlinable @inline(__always)
  public func bytes(_ offset: Int, _ byteCount: Int) -> ImageBytes? {
    let inside = offset >= 0 && byteCount >= 0 && offset <= self.byteCount &- byteCount
    // SAFETY: inside the mapping.
    return inside ? unsafe ImageBytes(address: base + offset, byteCount: byteCount) : nil
  }

  /// The address of the 32-bit word at `offset`, for the host's futex calls.
  @unsafe @inlinable
  public func address(_ offset: Int) -> UnsafeMutableRawPointer {
    unsafe base + checked(offset, size: 4)
  }
}
