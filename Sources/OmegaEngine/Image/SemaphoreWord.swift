/// The one 64-bit word that is a semaphore.
///
/// | bits  | field   | meaning |
/// |-------|---------|---------|
/// | 0–14  | value   | semval, 0…32767 |
/// | 15    | slow    | sleepers or a locked section concern this semaphore: go through the set's lock |
/// | 16–23 | holders | members whose adjustment of this semaphore is not 0; sticks at 255 |
/// | 24    | solo    | the only adjustment stands in this word: `holders` is its amount, `mark` its member |
/// | 25–28 | epoch   | low bits of `Cell.undoEpoch`, so a word read before a SETVAL never matches |
/// | 29–50 | pid     | sempid; while marked, the low 22 bits of the operation's sequence |
/// | 51–63 | mark    | 1 + member slot of an operation in flight, plus 4096 when it is one of several; 0: none |
///
/// A word is in one of these states:
///
/// | state | slow | solo | mark | who may change it |
/// |---|---|---|---|---|
/// | free | 0 | 0 | 0, no holders | anybody, by compare-and-swap |
/// | solo | 0 | 1 | member | anybody who saw the member alive, by compare-and-swap |
/// | held | 0 | 0 | 0, holders | anybody who saw the holders alive, by compare-and-swap |
/// | marked | 0 | 0 | member | only towards unmarked, by anybody (`Helping.swift`) |
/// | one of several | 0 | 0 | member + 4096 | its member, or who finds it dead or stopped (`FastMany.swift`) |
/// | slow | 1 | 0 | 0 | the owner of the set's lock |
public struct SemaphoreWord: Equatable, Sendable {
  public var bits: UInt64

  @inlinable @inline(__always) public init(bits: UInt64) { self.bits = bits }

  @usableFromInline static var valueMask: UInt64 { 0x7FFF }
  @usableFromInline static var slowBit: UInt64 { 0x8000 }
  @usableFromInline static var soloBit: UInt64 { 1 << 24 }
  @usableFromInline static var holderShift: UInt64 { 16 }
  @usableFromInline static var holderMask: UInt64 { 0xFF << 16 }
  @usableFromInline static var pidShift: UInt64 { 29 }
  @usableFromInline static var pidMask: UInt64 { 0x3F_FFFF << 29 }
  @usableFromInline static var markShift: UInt64 { 51 }
  @usableFromInline static var markMask: UInt64 { 0x1FFF << 51 }
  @usableFromInline static var severalMark: UInt64 { 4096 }
  /// The count at which `holders` no longer counts and only says "some".
  @usableFromInline static var holdersSaturated: Int { 0xFF }

  @inlinable @inline(__always) public var value: Int {
    get { Int(truncatingIfNeeded: bits & Self.valueMask) }
    set {
      bits = bits & ~Self.valueMask | UInt64(truncatingIfNeeded: newValue) & Self.valueMask
    }
  }
  @inlinable @inline(__always) public var isSlow: Bool {
    get { bits & Self.slowBit != 0 }
    set { bits = newValue ? bits | Self.slowBit : bits & ~Self.slowBit }
  }
  /// Members whose adjustment is not 0. Set only while not solo.
  @inlinable @inline(__always) public var holders: Int {
    get { isSolo ? 1 : Int(truncatingIfNeeded: (bits & Self.holderMask) >> Self.holderShift) }
    set {
      let field = UInt64(truncatingIfNeeded: newValue) << Self.holderShift & Self.holderMask
      bits = bits & ~Self.holderMask | field
    }
  }
  @inlinable @inline(__always) public var pid: UInt32 {
    get { UInt32(truncatingIfNeeded: (bits & Self.pidMask) >> Self.pidShift) }
    set { bits = bits & ~Self.pidMask | UInt64(newValue) << Self.pidShift & Self.pidMask }
  }
  /// The low bits of the semaphore's undo epoch.
  @inlinable @inline(__always) public var epoch: UInt64 {
    get { bits >> 25 & 0xF }
    set { bits = bits & ~(0xF << 25) | (newValue & 0xF) << 25 }
  }

  // MARK: Operations in flight

  /// 1 + member slot of a single operation with SEM_UNDO in flight, or 0. Set only while not solo.
  @inlinable @inline(__always) public var mark: Int {
    get { isSolo || isOneOfSeveral ? 0 : Int(truncatingIfNeeded: bits >> Self.markShift) }
    set {
      bits = bits & ~Self.markMask | UInt64(truncatingIfNeeded: newValue) << Self.markShift
    }
  }

  /// Somebody is between the steps of an operation: the word is about to change.
  @inlinable @inline(__always) public var isInFlight: Bool { mark != 0 || isOneOfSeveral }

  @inlinable @inline(__always) public var isOneOfSeveral: Bool {
    !isSolo && bits >> Self.markShift > Self.severalMark
  }
  /// The member slot whose call of several operations has this word.
  @inlinable @inline(__always) public var severalMember: Int {
    Int(truncatingIfNeeded: bits >> Self.markShift &- Self.severalMark) &- 1
  }
  /// The word while it belongs to a call of several operations: value and epoch are the old ones.
  @inlinable @inline(__always)
  public func marked(_ mark: SeveralMark) -> SemaphoreWord {
    SemaphoreWord(bits: mark.applied(to: bits))
  }

  // MARK: The solo adjustment

  @inlinable @inline(__always) public var isSolo: Bool { bits & Self.soloBit != 0 }
  /// The member whose adjustment stands in the word; only when solo.
  @inlinable @inline(__always) public var soloMember: Int {
    Int(truncatingIfNeeded: bits >> Self.markShift) &- 1
  }
  /// Its amount, −128…127.
  @inlinable @inline(__always) public var soloAmount: Int {
    Int(Int8(truncatingIfNeeded: bits >> Self.holderShift))
  }
  @inlinable @inline(__always)
  public static func fitsSolo(_ amount: Int) -> Bool { amount >= -128 && amount <= 127 }

  /// Makes the member's adjustment the only one, or none when it is 0.
  @inlinable @inline(__always)
  public mutating func setSolo(member: Int, amount: Int) {
    bits &= ~(Self.soloBit | Self.holderMask | Self.markMask)
    if amount == 0 { return }
    bits |=
      Self.soloBit | UInt64(UInt8(truncatingIfNeeded: amount)) << Self.holderShift
      | UInt64(truncatingIfNeeded: member &+ 1) << Self.markShift
  }

  /// The solo adjustment has moved to the member's own cell; a holder is left.
  @inlinable
  mutating func clearSolo() {
    bits &= ~(Self.soloBit | Self.holderMask | Self.markMask)
    holders = 1
  }

  // MARK: What a path may assume

  /// Nobody's adjustment and no operation in flight concern it.
  @inlinable @inline(__always) public var isFree: Bool {
    bits & (Self.slowBit | Self.markMask | Self.holderMask) == 0
  }

  /// The only adjustment is this member's, and stands here.
  @inlinable @inline(__always) public func isSolo(of member: Int) -> Bool {
    let wanted = Self.soloBit | UInt64(truncatingIfNeeded: member &+ 1) << Self.markShift
    return bits & (Self.slowBit | Self.soloBit | Self.markMask) == wanted
  }

  /// Counts a member whose adjustment went from `old` to `new`.
  @inlinable @inline(__always)
  public mutating func countHolder(old: Int, new: Int) {
    let count = holders
    if count == Self.holdersSaturated { return }
    if old == 0 && new != 0 { holders = count &+ 1 }
    if old != 0 && new == 0 && count > 0 { holders = count &- 1 }
  }
}

/// The mark of one call of several operations: what its words have in common while they are its.
public struct SeveralMark: Sendable {
  @usableFromInline let bits: UInt64

  @inlinable @inline(__always)
  public init(member: Int, sequence: UInt64) {
    let slot = UInt64(truncatingIfNeeded: member &+ 1) | SemaphoreWord.severalMark
    let tag = sequence << SemaphoreWord.pidShift & SemaphoreWord.pidMask
    bits = slot << SemaphoreWord.markShift | tag
  }

  @inlinable @inline(__always)
  func applied(to word: UInt64) -> UInt64 {
    let replaced =
      SemaphoreWord.soloBit | SemaphoreWord.markMask | SemaphoreWord.holderMask
      | SemaphoreWord.pidMask
    return word & ~replaced | bits
  }
}

/// One member's adjustment (semadj) of one semaphore.
///
/// | bits  | field    | meaning |
/// |-------|----------|---------|
/// | 0–15  | amount   | semadj, −32768…32767 |
/// | 16–39 | epoch    | the adjustment counts only while this equals the semaphore's `undoEpoch` |
/// | 40–63 | sequence | of the last fast operation that wrote it (`Helping.swift`) |
///
/// SETVAL and SETALL zero everybody's adjustment at once by raising the semaphore's epoch.
public struct Adjustment: Equatable, Sendable {
  public var bits: UInt64

  @inlinable @inline(__always) public init(bits: UInt64) { self.bits = bits }

  @inlinable @inline(__always)
  public init(amount: Int, epoch: UInt64, sequence: UInt64) {
    bits =
      UInt64(UInt16(truncatingIfNeeded: amount)) | (epoch & 0xFF_FFFF) << 16
      | (sequence & 0xFF_FFFF) << 40
  }

  @inlinable @inline(__always) public var epoch: UInt64 { bits >> 16 & 0xFF_FFFF }
  @inlinable @inline(__always) public var sequence: UInt64 { bits >> 40 }

  /// The amount, which is 0 when the adjustment was made before the last SETVAL.
  @inlinable @inline(__always)
  public func amount(epoch current: UInt64) -> Int {
    epoch == current & 0xFF_FFFF ? Int(Int16(truncatingIfNeeded: bits)) : 0
  }
}

/// What a member is about to do on the fast path with SEM_UNDO: enough for anybody to finish it.
///
/// | bits  | field    | meaning |
/// |-------|----------|---------|
/// | 0–15  | amount   | what the operation adds to the adjustment |
/// | 16–31 | semaphore | its index |
/// | 40–63 | sequence | counts the member's fast operations |
public struct Intent: Equatable, Sendable {
  public var bits: UInt64

  @inlinable @inline(__always) public init(bits: UInt64) { self.bits = bits }

  @inlinable @inline(__always)
  public init(amount: Int, semaphore: Int, sequence: UInt64) {
    bits =
      UInt64(UInt16(truncatingIfNeeded: amount))
      | UInt64(UInt16(truncatingIfNeeded: semaphore)) << 16 | (sequence & 0xFF_FFFF) << 40
  }

  @inlinable @inline(__always) public var amount: Int { Int(Int16(truncatingIfNeeded: bits)) }
  @inlinable @inline(__always) public var semaphore: Int { Int(bits >> 16 & 0xFFFF) }
  @inlinable @inline(__always) public var sequence: UInt64 { bits >> 40 }
  /// What the word's pid field holds while the operation is in flight.
  @inlinable @inline(__always) public var tag: UInt32 {
    UInt32(truncatingIfNeeded: sequence & 0x3F_FFFF)
  }
}
