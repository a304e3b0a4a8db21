/// A view of one semaphore set: its image and where things stand in it.
///
/// A view is made once for a mapping, after the header was checked, and never trusts the image about
/// its own size again.
public struct SemaphoreSet {
  public let image: Image
  public let layout: SetLayout

  @inlinable public init(image: Image, layout: SetLayout) {
    self.image = image
    self.layout = layout
  }

  @inlinable @inline(__always)
  public func word(_ semaphore: Int) -> SemaphoreWord {
    SemaphoreWord(bits: image.load(layout.cell(semaphore)))
  }

  @inlinable @inline(__always)
  func exchange(_ semaphore: Int, _ old: SemaphoreWord, _ new: SemaphoreWord) -> Bool {
    image.exchange(old.bits, new.bits, layout.cell(semaphore))
  }

  @inlinable @inline(__always)
  func undoEpoch(_ semaphore: Int) -> UInt64 {
    image.load(layout.cell(semaphore) &+ Cell.undoEpoch)
  }

  /// A member's adjustment, wherever it stands.
  @inlinable
  public func adjustmentAmount(member: Int, semaphore: Int) -> Int {
    let word = word(semaphore)
    if word.isSolo { return word.soloMember == member ? word.soloAmount : 0 }
    return Adjustment(bits: image.load(layout.adjustment(member, semaphore)))
      .amount(epoch: undoEpoch(semaphore))
  }

  /// Member slots that may be in use: 0..<memberHigh, whatever the image says.
  @inlinable public var memberHigh: Int {
    Int(min(image.load(Header.memberHigh), UInt64(SetLayout.memberCapacity)))
  }

  /// Waiter slots that may be in use.
  public var waiterHigh: Int {
    Int(min(image.load(Header.waiterHigh), UInt64(SetLayout.waiterCapacity)))
  }

  @inlinable public func memberPid(_ slot: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: image.load(layout.member(slot) &+ Member.pid))
  }

  @inlinable @inline(__always)
  public var stateWord: UInt64 { image.load(Header.state) }
}

/// The low 8 bits of `Header.state`.
public enum SetState {
  @inlinable public static var live: UInt64 { 1 }
  @inlinable public static var removed: UInt64 { 2 }
  @inlinable public static func of(_ word: UInt64) -> UInt64 { word & 0xFF }
  /// The same state with the next permission generation.
  static func nextGeneration(_ word: UInt64) -> UInt64 { word &+ 0x100 }
}
