/// The one 64-bit word that is a semaphore.
///
/// | bits  | field   | meaning |
/// |-------|---------|---------|
/// | 0–14  | value   | semval, 0…32767 |
/// | 15    | slow    | sleepers or a locked section concern this semaphore: go through the set's lock |
/// | 16–23 | holders | members whose adjustment of this semaphore is not 0; sticks at 255 |
/// | 24–28 | epoch   | low bits of `Cell.undoEpoch`, so a word read before a SETVAL never matches |
/// | 29–50 | pid     | sempid; while marked, the low 22 bits of the operation's intent sequence |
/// | 51–63 | mark    | 1 + member slot of an operation in flight, 0 for none |
///
/// Written by compare-and-swap while `slow` is 0; with `slow` set only the owner of the set's lock
/// changes it (a late compare-and-swap fails because the word differs). While marked, only the
/// change that clears the mark is allowed, and anybody may make it (`Helping.swift`).
public struct SemaphoreWord: Equatable, Sendable {
  public var bits: UInt64

  @inlinable @inline(__always) public init(bits: UInt64) { self.bits = bits }

  @usableFromInline static var valueMask: UInt64 { 0x7FFF }
  @usableFromInline static var slowBit: UInt64 { 0x8000 }
  @usableFromInline static var holderShift: UInt64 { 16 }
  @usableFromInline static var holderMask: UInt64 { 0xFF << 16 }
  @usableFromInline static var pidShift: UInt64 { 29 }
  @usableFromInline static var pidMask: UInt64 { 0x3F_FFFF << 29 }
  @usableFromInline static var markShift: UInt64 { 51 }
  @usableFromInline static var markMask: UInt64 { 0x1FFF << 51 }
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
  @inlinable @inline(__always) public var holders: Int {
    get { Int(truncatingIfNeeded: (bits & Self.holderMask) >> Self.holderShift) }
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
    get { bits >> 24 & 0x1F }
    set { bits = bits & ~(0x1F << 24) | (newValue & 0x1F) << 24 }
  }
  /// 1 + member slot, or 0.
  @inlinable @inline(__always) public var mark: Int {
    get { Int(truncatingIfNeeded: bits >> Self.markShift) }
    set {
      bits = bits & ~Self.markMask | UInt64(truncatingIfNeeded: newValue) << Self.markShift
    }
  }

  /// Neither slow nor marked: a single operation may be one compare-and-swap.
  @inlinable @inline(__always) public var isQuiet: Bool {
    bits & (Self.slowBit | Self.markMask) == 0
  }

  /// Quiet, and no adjustment of anybody concerns it.
  @inlinable @inline(__always) public var isFree: Bool {
    bits & (Self.slowBit | Self.markMask | Self.holderMask) == 0
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
