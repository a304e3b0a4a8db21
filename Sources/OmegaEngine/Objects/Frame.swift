/// Where the parts stand that the images of all kinds of objects have: a function of the kind and its
/// size alone, so nothing in a damaged image can lead an access astray.
public struct Frame: Equatable, Sendable {
  public let journal: Int
  public let journalCapacity: Int
  @usableFromInline let members: Int
  @usableFromInline let waiters: Int
  /// Size of the image in bytes, a multiple of 4096. Most of it is never touched.
  public let byteCount: Int

  public static var headerByteCount: Int { 512 }
  public static var memberCapacity: Int { 4095 }
  public static var waiterCapacity: Int { 8192 }
  /// Room for the members, one more than are used.
  static var membersByteCount: Int { 64 * (memberCapacity + 1) }
  static var waitersByteCount: Int { 256 * waiterCapacity }

  init(journal: Int, journalCapacity: Int, members: Int, waiters: Int, byteCount: Int) {
    self.journal = journal
    self.journalCapacity = journalCapacity
    self.members = members
    self.waiters = waiters
    self.byteCount = byteCount
  }

  @inlinable @inline(__always) func journalEntry(_ index: Int) -> Int { journal &+ 16 &* index }
  @inlinable @inline(__always) public func member(_ slot: Int) -> Int { members &+ 64 &* slot }
  @inlinable public func waiter(_ slot: Int) -> Int { waiters &+ 256 &* slot }

  @inlinable public static func rounded(_ count: Int, to unit: Int) -> Int {
    (count + unit - 1) / unit * unit
  }
}
