/// An object of any kind: a semaphore set, a message queue, a memory segment. Its image, where things
/// stand in it, and what sections, death and sleep have to know of the kind.
///
/// A value is made once for a mapping, after the header was checked, and never trusts the image about
/// its own size again.
public protocol IPCObject {
  var image: Image { get }
  var frame: Frame { get }

  /// A finished call's slot holds more than an errno, so its owner frees it when it has read it.
  static var keepsResults: Bool { get }

  /// Memory for what a new member has besides its slot; false when there is none.
  func claimMember<H: Host>(_ host: H, slot: Int) -> Bool
  /// A thread that died in a fast path of the kind may have left a record to be finished. The caller
  /// owns the lock, which it took from that thread.
  func closeRecord<H: Host>(_ host: H)
  /// Whether the member in `slot` has ended, as far as the object is concerned.
  func isDead<H: Host>(_ slot: Int, _ host: H) -> Bool
  /// Collects the life words that a sleeper watches; true when one of these members has ended.
  func fillWatchList<H: Host>(_ watch: inout WatchList, slot: Int, _ host: H) -> Bool

  /// Gives every sleeper what it can have now: after a recovery or a change of everything.
  static func serveEverybody<H: Host>(_ section: inout Section<H, Self>)
  /// The end of the member in `slot`: what it leaves is applied, in transactions of its own. Returns
  /// whether `finishEnd` has to serve. The slot is freed by the caller afterwards.
  static func applyEnd<H: Host>(_ section: inout Section<H, Self>, of slot: Int) -> EndOfMember
  static func finishEnd<H: Host>(_ section: inout Section<H, Self>, _ end: EndOfMember)
  /// Takes a sleeping call out of its queues and sets its status, within the open transaction.
  static func dequeue<H: Host>(_ section: inout Section<H, Self>, _ slot: Int, status: UInt64)
  /// Frees a waiter's slot whose owner will not come back for its result, within the open transaction.
  static func discard<H: Host>(_ section: inout Section<H, Self>, _ slot: Int)
  /// A call has left its queue without a result: before the section ends.
  static func finishWithdrawal<H: Host>(_ section: inout Section<H, Self>, _ slot: Int)
}

/// What the end of a member means to sleepers.
public enum EndOfMember: Sendable {
  case concernsNobody
  case concernsSleepers
}

extension IPCObject {
  @inlinable public static var keepsResults: Bool { false }
  @inlinable public func closeRecord<H: Host>(_ host: H) {}

  @inlinable @inline(__always)
  public var stateWord: UInt64 { image.load(Header.state) }

  /// Member slots that may be in use: 0..<memberHigh, whatever the image says.
  @inlinable public var memberHigh: Int {
    Int(min(image.load(Header.memberHigh), UInt64(Frame.memberCapacity)))
  }

  /// Waiter slots that may be in use.
  public var waiterHigh: Int {
    Int(min(image.load(Header.waiterHigh), UInt64(Frame.waiterCapacity)))
  }

  @inlinable public func memberPid(_ slot: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: image.load(frame.member(slot) &+ Member.pid))
  }

  public var identifier: Int32 { Int32(truncatingIfNeeded: image.load(Header.identifier)) }
  public var key: Int32 { Int32(truncatingIfNeeded: image.load(Header.key)) }

  public var permissions: Permissions {
    Permissions(
      uid: UInt32(truncatingIfNeeded: image.load(Header.uid)),
      gid: UInt32(truncatingIfNeeded: image.load(Header.gid)),
      cuid: UInt32(truncatingIfNeeded: image.load(Header.cuid)),
      cgid: UInt32(truncatingIfNeeded: image.load(Header.cgid)),
      mode: UInt32(truncatingIfNeeded: image.load(Header.mode)) & 0o777)
  }
}

/// The low 8 bits of `Header.state`.
public enum ObjectState {
  @inlinable public static var live: UInt64 { 1 }
  @inlinable public static var removed: UInt64 { 2 }
  @inlinable public static func of(_ word: UInt64) -> UInt64 { word & 0xFF }
  /// The same state with the next permission generation.
  static func nextGeneration(_ word: UInt64) -> UInt64 { word &+ 0x100 }
}
