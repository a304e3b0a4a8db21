/// Words of the header that only semaphore sets have.
extension Header {
  public static var semaphoreCount: Int { parameter }
  public static var otime: Int { 96 }  // L; the set's otime is the latest of this and the cells'
  public static var alterQueue: Int { firstQueue }  // L: head and tail, as `Links`
  public static var constQueue: Int { secondQueue }  // L
  public static var complexCount: Int { 224 }  // L: sleeping calls of several operations
  /// The newest arrival (`Header.enqueueSequence`) whose call became a holder while others slept. Owner
  /// of the lock, see `WatchHolders.swift`.
  public static var lastHolder: Int { 288 }
}

extension Member {
  public static var intent: Int { 40 }  // the member alone
}

extension Waiter {
  public static var cellLinks: Int { 32 }  // L: neighbours in the semaphore's queue
  /// Number of operations | flags << 32, see `WaiterShape`.
  public static var shape: Int { 40 }
  /// Semaphore it blocks on | 1 << 32 when it waits for zero. L
  public static var blocked: Int { 48 }
  public static var operations: Int { 96 }
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
