import COmegaLinux
import OmegaEngine

// The semaphore calls for Swift, which passes values where C passes memory. What they do is the
// same code: see SystemV.

extension Namespace {
  /// `semop` with one operation: 0 or a negative errno. Blocks.
  ///
  /// Not generic and not inlined elsewhere, so that the lock-free path is compiled once, here; and no
  /// memory is passed, which would cost a stack protector.
  @inline(never)
  public func operate(_ identifier: Int32, _ operation: Operation) -> Int32 {
    if let handle = unsafe enter(identifier) {
      // SAFETY: the handle is entered.
      let result = unsafe Namespace.fast(handle, operation)
      unsafe leave(handle)
      if let result { return result }
    }
    return operate(identifier, count: 1, timeout: nil) { _ in operation }
  }

  /// `semtimedop`, for calls of any number of operations: 0 or a negative errno. Blocks for as long
  /// as `timeout` says; nil stands for ever.
  public func operate(
    _ identifier: Int32, count: Int, timeout: Timeout?, _ operation: (Int) -> Operation
  ) -> Int32 {
    if count < 1 { return -Errno.invalid.rawValue }
    if count > limits.operationsPerCall { return -Errno.argumentListTooLong.rawValue }
    return count <= 8
      ? operate(identifier, OperationBuffer<8>(), count, timeout, operation)
      : operate(identifier, OperationBuffer<500>(), count, timeout, operation)
  }

  @inline(__always)
  private func operate<let capacity: Int>(
    _ identifier: Int32, _ empty: consuming OperationBuffer<capacity>, _ count: Int,
    _ timeout: Timeout?, _ operation: (Int) -> Operation
  ) -> Int32 {
    var buffer = empty
    for index in 0..<count { buffer.set(index, operation(index)) }
    var time = omega_timespec()
    if let timeout {
      time.seconds = timeout.seconds
      time.nanoseconds = timeout.nanoseconds
    }
    // SAFETY: the buffer holds `count` operations; it and the time outlive the call.
    return unsafe buffer.withBytes { bytes in
      unsafe withUnsafeMutablePointer(to: &time) { time in
        unsafe operate(
          identifier, bytes, count: UInt(count),
          timeout: timeout == nil ? nil : UnsafeMutableRawPointer(time))
      }
    }
  }
}

/// A relative time, `struct timespec`.
public struct Timeout: Sendable {
  public var seconds: Int64
  public var nanoseconds: Int64
  public init(seconds: Int64, nanoseconds: Int64) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}

/// `struct sembuf` times `capacity`, on the stack.
private struct OperationBuffer<let capacity: Int> {
  private var words = InlineArray<capacity, SemaphoreBuffer>(repeating: SemaphoreBuffer())

  @inline(__always)
  mutating func set(_ index: Int, _ operation: Operation) {
    words[index] = SemaphoreBuffer(
      number: UInt16(truncatingIfNeeded: operation.bits),
      amount: Int16(truncatingIfNeeded: operation.bits >> 16),
      flags: Int16(truncatingIfNeeded: operation.bits >> 32))
  }

  @unsafe @inline(__always)
  mutating func withBytes(_ body: (UnsafeMutableRawPointer) -> Int32) -> Int32 {
    // SAFETY: an inline array holds its elements one after the other.
    unsafe withUnsafeMutablePointer(to: &words) { unsafe body(UnsafeMutableRawPointer($0)) }
  }
}

/// `struct sembuf`.
private struct SemaphoreBuffer {
  var number: UInt16 = 0
  var amount: Int16 = 0
  var flags: Int16 = 0
}
