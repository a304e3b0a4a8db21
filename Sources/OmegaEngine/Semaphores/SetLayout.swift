/// Where things stand in the image of a semaphore set: a function of the number of semaphores alone,
/// so nothing in a damaged image can lead an access astray.
///
/// ```
/// header │ cells (64 B a semaphore) │ journal │ members (64 B) │ descriptors (256 B) │ adjustments
/// │ waiters (256 B) │ long operations
/// ```
public struct SetLayout: Equatable, Sendable {
  /// Number of semaphores, 1…32000. Immutable for the life of the image.
  public let semaphoreCount: Int
  public let frame: Frame
  @usableFromInline let descriptors: Int
  @usableFromInline let adjustments: Int
  @usableFromInline let adjustmentStride: Int
  @usableFromInline let longOperations: Int

  public static var magic: UInt64 { 0x31_6D65_5361_6765 }  // "egaSem1"
  public static var version: UInt64 { 2 }
  public static var memberCapacity: Int { Frame.memberCapacity }
  public static var waiterCapacity: Int { Frame.waiterCapacity }
  /// Operations that stand in the waiter's slot itself; longer calls use a page of their own.
  public static var inlineOperations: Int { 20 }
  /// Waiter slots that have a page for long calls.
  public static var longSlots: Int { 1024 }

  public init(semaphoreCount: Int) {
    self.semaphoreCount = semaphoreCount
    // A call of 500 operations with undo writes 1000 words and a few more; SETALL two a semaphore.
    let journalCapacity = max(1600, 2 * semaphoreCount + 64)
    let journal = Frame.headerByteCount + 64 * semaphoreCount
    let members = Frame.rounded(journal + 16 * journalCapacity, to: 4096)
    descriptors = members + Frame.membersByteCount
    adjustments = descriptors + Descriptor.byteCount * (Frame.memberCapacity + 1)
    adjustmentStride = Frame.rounded(8 * semaphoreCount, to: 64)
    let waiters = Frame.rounded(
      adjustments + adjustmentStride * (Frame.memberCapacity + 1), to: 4096)
    longOperations = waiters + Frame.waitersByteCount
    frame = Frame(
      journal: journal, journalCapacity: journalCapacity, members: members, waiters: waiters,
      byteCount: longOperations + 4096 * SetLayout.longSlots)
  }

  /// Size of the file: its low 15 bits tell the number of semaphores to those who only may stat it.
  public var fileByteCount: Int {
    Frame.rounded(byteCount, to: 32768) + semaphoreCount
  }

  /// The number of semaphores of a file of this size; 0 for a size that no image has.
  public static func semaphoreCount(ofFile byteCount: Int) -> Int {
    let count = byteCount & 32767
    guard count >= 1 && count <= Limit.semaphoresPerSet else { return 0 }
    return SetLayout(semaphoreCount: count).fileByteCount == byteCount ? count : 0
  }

  public static var headerByteCount: Int { Frame.headerByteCount }
  public var byteCount: Int { frame.byteCount }

  @inlinable @inline(__always) public func cell(_ semaphore: Int) -> Int {
    SetLayout.headerByteCount &+ 64 &* semaphore
  }
  @inlinable @inline(__always) public func member(_ slot: Int) -> Int { frame.member(slot) }
  @inlinable @inline(__always) public func descriptor(_ slot: Int) -> Int {
    descriptors &+ Descriptor.byteCount &* slot
  }
  @inlinable @inline(__always) public func adjustment(_ slot: Int, _ semaphore: Int) -> Int {
    adjustments &+ adjustmentStride &* slot &+ 8 &* semaphore
  }
  @inlinable public func waiter(_ slot: Int) -> Int { frame.waiter(slot) }
  /// Where the operations of the waiter in `slot` stand.
  @inlinable func operations(_ slot: Int, count: Int) -> Int {
    count <= SetLayout.inlineOperations
      ? waiter(slot) &+ Waiter.operations : longOperations &+ 4096 &* slot
  }
}
