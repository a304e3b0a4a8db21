/// Flags of `semget` and `semop` (`<sys/ipc.h>`, `<sys/sem.h>`).
public enum Flag {
  @inlinable public static var create: Int32 { 0o1000 }  // IPC_CREAT
  @inlinable public static var exclusive: Int32 { 0o2000 }  // IPC_EXCL
  @inlinable public static var noWait: Int32 { 0o4000 }  // IPC_NOWAIT
  @inlinable public static var undo: Int32 { 0x1000 }  // SEM_UNDO
}

/// `IPC_PRIVATE`: the key that always makes a new object.
@inlinable public var privateKey: Int32 { 0 }

/// Control commands of `semctl`.
public enum Command {
  public static var remove: Int32 { 0 }  // IPC_RMID
  public static var set: Int32 { 1 }  // IPC_SET
  public static var stat: Int32 { 2 }  // IPC_STAT
  public static var info: Int32 { 3 }  // IPC_INFO
  public static var getPid: Int32 { 11 }  // GETPID
  public static var getValue: Int32 { 12 }  // GETVAL
  public static var getAll: Int32 { 13 }  // GETALL
  public static var getIncreaseCount: Int32 { 14 }  // GETNCNT
  public static var getZeroCount: Int32 { 15 }  // GETZCNT
  public static var setValue: Int32 { 16 }  // SETVAL
  public static var setAll: Int32 { 17 }  // SETALL
  public static var semaphoreStat: Int32 { 18 }  // SEM_STAT
  public static var semaphoreInfo: Int32 { 19 }  // SEM_INFO
  public static var semaphoreStatAny: Int32 { 20 }  // SEM_STAT_ANY
  /// `IPC_64`, a bit old libraries add to a command.
  public static var wide: Int32 { 0x100 }
}

/// Limits of the Linux ABI; the first four can be changed for a namespace, below these maxima.
public enum Limit {
  @inlinable public static var semaphoresPerSet: Int { 32000 }  // SEMMSL
  @inlinable public static var semaphoresInAll: Int { 1_024_000_000 }  // SEMMNS
  @inlinable public static var operationsPerCall: Int { 500 }  // SEMOPM
  @inlinable public static var sets: Int { 32000 }  // SEMMNI
  @inlinable public static var semaphoreValue: Int { 32767 }  // SEMVMX
  @inlinable public static var adjustment: Int { 32767 }  // SEMAEM
  /// Indices of one kind of object: an identifier is `sequence << 15 | index`.
  @inlinable public static var indices: Int { 32768 }  // IPCMNI
}

/// One operation: `struct sembuf`, kept in a 64-bit word (number, operation, flags from the low end).
public struct Operation: Equatable, Sendable {
  public var bits: UInt64
  @inlinable @inline(__always) public init(bits: UInt64) { self.bits = bits }
  @inlinable public init(semaphore: Int, amount: Int, flags: Int32) {
    bits =
      UInt64(UInt16(truncatingIfNeeded: semaphore))
      | UInt64(UInt16(truncatingIfNeeded: amount)) << 16
      | UInt64(UInt16(truncatingIfNeeded: flags)) << 32
  }
  @inlinable @inline(__always) public var semaphore: Int { Int(bits & 0xFFFF) }
  @inlinable @inline(__always) public var amount: Int {
    Int(Int16(truncatingIfNeeded: bits >> 16))
  }
  @inlinable @inline(__always) var flags: Int32 { Int32(truncatingIfNeeded: bits >> 32 & 0xFFFF) }
  @inlinable @inline(__always) public var usesUndo: Bool { flags & Flag.undo != 0 }
  @inlinable @inline(__always) public var refusesToWait: Bool { flags & Flag.noWait != 0 }
}
