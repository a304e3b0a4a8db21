internal import OmegaEngine

/// The engine's form of an operation, for code that is inlined into other modules: number, amount
/// and flags of a `struct sembuf`, 16 bits each from the low end.
@usableFromInline
enum OperationWord {
  /// IPC_NOWAIT and SEM_UNDO, where they stand in the word.
  @inlinable static var noWait: UInt64 { 0o4000 << 32 }
  @inlinable static var undo: UInt64 { 0x1000 << 32 }

  /// Flags of a `struct sembuf`, where they stand in the word.
  @inline(__always)
  static func flags(_ flags: Int32) -> UInt64 { UInt64(UInt16(truncatingIfNeeded: flags)) << 32 }

  /// Whether the number and the amount of an acquisition or a release fit.
  @inlinable @inline(__always)
  static func allows(_ semaphore: Int, _ amount: Int) -> Bool {
    UInt(bitPattern: semaphore) <= 0xFFFF && UInt(bitPattern: amount &- 1) < 32767
  }

  @inlinable @inline(__always)
  static func bits(_ semaphore: Int, _ change: Int, _ undo: Undo, flags: UInt64) -> UInt64 {
    UInt64(truncatingIfNeeded: semaphore) | UInt64(UInt16(truncatingIfNeeded: change)) << 16 | flags
      | (undo == .atExit ? OperationWord.undo : 0)
  }

  /// The negative errno for what `allows` refuses.
  @usableFromInline @inline(never)
  static func refusal(_ semaphore: Int, _ amount: Int) -> Int32 {
    do throws(OmegaLinuxErrno) {
      _ = try SemaphoreOperation.release(semaphore, by: amount).engineForm(flags: 0)
      return -OmegaLinuxErrno.invalid.rawValue  // Unreachable: both check the same.
    } catch {
      return -error.rawValue
    }
  }
}
