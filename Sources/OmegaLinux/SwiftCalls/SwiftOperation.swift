import COmegaLinux
import OmegaEngine

// The semaphore calls for Swift, which passes values where C passes memory. What they do is the
// same code: see SystemV.

extension Namespace {
  /// `semop` with one operation: 0 or a negative errno. Blocks.
  ///
  /// Not generic and not inlined elsewhere, so that the lock-free path is compiled once, here; and
  /// no memory is passed, which would cost a stack protector.
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
  @inline(never)
  public func operate(
    _ identifier: Int32, count: Int, timeout: Timeout?, _ operation: (Int) -> Operation
  ) -> Int32 {
    if count < 1 { return -Errno.invalid.rawValue }
    if count > limits.operationsPerCall { return -Errno.argumentListTooLong.rawValue }
    return operateMany(identifier, count, timeout, operation)
  }

  /// The same for up to eight operations, given as their bits: without a closure, which would cost
  /// more than the rest.
  @inline(never)
  public func operate(_ identifier: Int32, _ words: Span<UInt64>) -> Int32 {
    let count = words.count
    if count < 1 || count > 8 { return -Errno.invalid.rawValue }
    if count > limits.operationsPerCall { return -Errno.argumentListTooLong.rawValue }
    if count > 1, let handle = unsafe enter(identifier) {
      // SAFETY: the handle is entered; the words outlive the call.
      let result = unsafe words.withUnsafeBufferPointer {
        unsafe Namespace.fastMany(
          handle, OperationWords(words: $0.baseAddress.unsafelyUnwrapped), count: count)
      }
      unsafe leave(handle)
      if result == .done { return 0 }
    }
    return operateMany(identifier, count, nil) { Operation(bits: words[$0]) }
  }

  /// Apart from its callers, because its stack is large.
  @inline(never)
  private func operateMany(
    _ identifier: Int32, _ count: Int, _ timeout: Timeout?, _ operation: (Int) -> Operation
  ) -> Int32 {
    var buffer = InlineArray<375, UInt64>(repeating: 0)
    // SAFETY: 3000 bytes are room for 500 operations, the most a namespace allows.
    return unsafe withUnsafeMutablePointer(to: &buffer) {
      let buffer = UnsafeMutableRawPointer($0)
      for index in 0..<count { unsafe Namespace.store(operation(index).bits, index, buffer) }
      return unsafe operate(identifier, buffer, count, timeout)
    }
  }

  /// Writes a `struct sembuf`, in the pieces in which it is read: else the processor would have to
  /// wait until it is in the cache.
  @unsafe @inline(__always)
  private static func store(_ bits: UInt64, _ index: Int, _ buffer: UnsafeMutableRawPointer) {
    // SAFETY: the caller's buffer has room.
    unsafe buffer.storeBytes(
      of: UInt32(truncatingIfNeeded: bits), toByteOffset: 6 &* index, as: UInt32.self)
    unsafe buffer.storeBytes(
      of: UInt16(truncatingIfNeeded: bits >> 32), toByteOffset: 6 &* index &+ 4, as: UInt16.self)
  }

  @unsafe @inline(__always)
  private func operate(
    _ identifier: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ timeout: Timeout?
  ) -> Int32 {
    guard let timeout else {
      return unsafe operate(identifier, buffer, count: UInt(count), timeout: nil)
    }
    var time = omega_timespec(seconds: timeout.seconds, nanoseconds: timeout.nanoseconds)
    // SAFETY: the time outlives the call.
    return unsafe withUnsafeMutablePointer(to: &time) {
      unsafe operate(
        identifier, buffer, count: UInt(count), timeout: UnsafeMutableRawPointer($0))
    }
  }
}

/// The bits of operations where the caller has them: one copy more would cost a tenth of the call.
@safe
private struct OperationWords: OperationList {
  let words: UnsafePointer<UInt64>

  @unsafe
  init(words: UnsafePointer<UInt64>) { unsafe self.words = words }

  // SAFETY: the indices are below the number of operations.
  @inline(__always)
  func operation(_ index: Int) -> Operation { unsafe Operation(bits: words[index]) }
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
