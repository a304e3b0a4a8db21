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
  public let journalCapacity: Int
  @usableFromInline let journal: Int
  @usableFromInline let members: Int
  @usableFromInline let descriptors: Int
  @usableFromInline let adjustments: Int
  @usableFromInline let adjustmentStride: Int
  @usableFromInline let waiters: Int
  @usableFromInline let longOperations: Int
  /// Size of the image in bytes, a multiple of 4096. Most of it is never touched.
  public let byteCount: Int

  public static var magic: UInt64 { 0x31_6D65_5361_6765 }  // "egaSem1"
  public static var version: UInt64 { 1 }
  public static var memberCapacity: Int { 4095 }
  public static var waiterCapacity: Int { 8192 }
  /// Operations that stand in the waiter's slot itself; longer calls use a page of their own.
  public static var inlineOperations: Int { 20 }
  /// Waiter slots that have a page for long calls.
  public static var longSlots: Int { 1024 }

  public init(semaphoreCount: Int) {
    self.semaphoreCount = semaphoreCount
    // A call of 500 operations with undo writes 1000 words and a few more; SETALL two a semaphore.
    journalCapacity = max(1600, 2 * semaphoreCount + 64)
    journal = SetLayout.headerByteCount + 64 * semaphoreCount
    members = SetLayout.rounded(journal + 16 * journalCapacity, to: 4096)
    descriptors = members + 64 * (SetLayout.memberCapacity + 1)
    adjustments = descriptors + Descriptor.byteCount * (SetLayout.memberCapacity + 1)
    adjustmentStride = SetLayout.rounded(8 * semaphoreCount, to: 64)
    waiters = SetLayout.rounded(
      adjustments + adjustmentStride * (SetLayout.memberCapacity + 1), to: 4096)
    longOperations = waiters + 256 * SetLayout.waiterCapacity
    byteCount = longOperations + 4096 * SetLayout.longSlots
  }

  @inlinable static func rounded(_ count: Int, to unit: Int) -> Int {
    (count + unit - 1) / unit * unit
  }

  /// Size of the file: its low 15 bits tell the number of semaphores to those who only may stat it.
  public var fileByteCount: Int {
    SetLayout.rounded(byteCount, to: 32768) + semaphoreCount
  }

  /// The number of semaphores of a file of this size; 0 for a size that no image has.
  public static func semaphoreCount(ofFile byteCount: Int) -> Int {
    let count = byteCount & 32767
    guard count >= 1 && count <= Limit.semaphoresPerSet else { return 0 }
    return SetLayout(semaphoreCount: count).fileByteCount == byteCount ? count : 0
  }

  public static var headerByteCount: Int { 512 }

  @inlinable @inline(__always) public func cell(_ semaphore: Int) -> Int {
    SetLayout.headerByteCount &+ 64 &* semaphore
  }
  @inlinable @inline(__always) func journalEntry(_ index: Int) -> Int { journal &+ 16 &* index }
  @inlinable @inline(__always) public func member(_ slot: Int) -> Int { members &+ 64 &* slot }
  @inlinable @inline(__always) public func descriptor(_ slot: Int) -> Int {
    descriptors &+ Descriptor.byteCount &* slot
  }
  @inlinable @inline(__always) public func adjustment(_ slot: Int, _ semaphore: Int) -> Int {
    adjustments &+ adjustmentStride &* slot &+ 8 &* semaphore
  }
  @inlinable public func waiter(_ slot: Int) -> Int { waiters &+ 256 &* slot }
  /// Where the operations of the waiter in `slot` stand.
  @inlinable func operations(_ slot: Int, count: Int) -> Int {
    count <= SetLayout.inlineOperations
      ? waiter(slot) &+ Waiter.operations : longOperations &+ 4096 &* slot
  }
}

/// Words of the header. All but the lock are 64 bits. "L": written under the set's lock, journaled.
public enum Header {
  public static var magic: Int { 0 }  // immutable
  public static var version: Int { 8 }  // immutable
  public static var semaphoreCount: Int { 16 }  // immutable
  public static var identifier: Int { 24 }  // immutable
  public static var key: Int { 32 }  // immutable
  /// State (low 8 bits) and permission generation above: one compare tells that nothing changed. L
  public static var state: Int { 40 }
  public static var uid: Int { 48 }  // L
  public static var gid: Int { 56 }  // L
  public static var cuid: Int { 64 }  // immutable
  public static var cgid: Int { 72 }  // immutable
  public static var mode: Int { 80 }  // L
  public static var ctime: Int { 88 }  // L
  public static var otime: Int { 96 }  // L; the set's otime is the latest of this and the cells'
  public static var creator: Int { 104 }  // immutable: pid of the creator
  public static var creatorStart: Int { 112 }  // immutable: start time of the creator
  /// The lock: a robust futex word of 32 bits (`SetLock.swift`).
  public static var lock: Int { 128 }
  public static var journalCount: Int { 192 }  // owner of the lock
  /// 1 while the queues still have to be served for a change that is already committed. L
  public static var needsServe: Int { 200 }
  public static var alterQueue: Int { 208 }  // L: head and tail, as `Links`
  public static var constQueue: Int { 216 }  // L
  public static var complexCount: Int { 224 }  // L: sleeping calls of several operations
  public static var sleeperCount: Int { 232 }  // L
  public static var memberHigh: Int { 240 }  // L: 1 + highest member slot ever used
  public static var waiterHigh: Int { 248 }  // L: 1 + highest waiter slot ever used
  public static var enqueueSequence: Int { 256 }  // L: counts the sleeping calls
  /// Journal entries with memory behind them. Written by the owner of the lock.
  public static var journalClaimed: Int { 264 }
  /// 32 bits, not 0 when anybody but its maker has mapped the image (`Renewal.swift`).
  public static var sharers: Int { 272 }
}

/// Words of a semaphore's cell.
public enum Cell {
  public static var word: Int { 0 }  // `SemaphoreWord`
  /// Time of the last fast operation, in seconds; any user of the fast path stores it.
  public static var otime: Int { 8 }
  public static var undoEpoch: Int { 16 }  // L
  public static var alterQueue: Int { 24 }  // L: single-operation sleepers, as `Links`
  public static var constQueue: Int { 32 }  // L
  public static var complexReferences: Int { 40 }  // L: sleeping multi-operation calls naming it
}

/// Words of a member slot: one process in one set.
public enum Member {
  /// The life word, 32 bits: a robust futex, see `Liveness.swift`. The words at 24 and 32 are
  /// the owner's robust-list node (private addresses; nobody else reads them).
  public static var life: Int { 0 }
  public static var pid: Int { 8 }  // L: 0 for a free slot
  public static var startTime: Int { 16 }  // L
  public static var listPrevious: Int { 24 }
  public static var listNext: Int { 32 }
  public static var intent: Int { 40 }  // the member alone
  /// Bit 0: it used SEM_UNDO in this set, so its end sets otime. L
  public static var record: Int { 48 }
}

/// Words of a member's descriptor: its call of several operations, see `FastMany.swift`.
public enum Descriptor {
  @inlinable public static var byteCount: Int { 256 }
  /// Distinct semaphores in a call that goes the fast way.
  @inlinable public static var capacity: Int { 8 }
  /// `DescriptorStatus` (low 8 bits), entries (8–15), tid (16–37), sequence (40–63).
  @inlinable public static var status: Int { 0 }
  /// The owning thread's robust word, 32 bits, while a call is on its way.
  @inlinable public static var life: Int { 8 }
  /// Entry: offset of the semaphore's cell, old word, new word.
  @inlinable public static func entry(_ index: Int) -> Int { 16 &+ 24 &* index }
}

/// Words of a waiter slot: one sleeping call.
public enum Waiter {
  /// The futex word, 32 bits, see `Sleeping.swift`.
  public static var futex: Int { 0 }
  public static var thread: Int { 4 }  // 32 bits: tid
  /// Low 32 bits: `WaiterStatus`; high 32 bits: the result's errno. L, freed by the sleeper.
  public static var status: Int { 8 }
  public static var owner: Int { 16 }  // pid | member slot << 32
  public static var queueLinks: Int { 24 }  // L: neighbours in the set's queue
  public static var cellLinks: Int { 32 }  // L: neighbours in the semaphore's queue
  /// Number of operations | flags << 32, see `WaiterShape`.
  public static var shape: Int { 40 }
  /// Semaphore it blocks on | 1 << 32 when it waits for zero. L
  public static var blocked: Int { 48 }
  public static var sequence: Int { 56 }  // order of arrival
  /// Arrivals before this one are watched by the sleeper (`Sleeping.swift`).
  public static var armedSequence: Int { 64 }
  public static var since: Int { 72 }  // CLOCK_REALTIME, seconds
  /// The sleeping thread's own robust word, 32 bits: tid | `Futex.waiters`; the kernel adds
  /// `Futex.ownerDied` when that thread ends, for itself or with its process. 0: ask the system.
  public static var life: Int { 84 }
  public static var kicks: Int { 80 }  // 32 bits: see `Section.kickSleeper`. L
  public static var operations: Int { 96 }
}
