internal import OmegaEngine
internal import OmegaLinux

/// A set of semaphores that processes share: values of 0…32767 that change in atomic steps.
///
/// A value is a handle: cheap to copy, usable from every thread and task, never closed; the set
/// itself lives until ``remove()``. Calls that can wait **block the calling thread** and say so: do
/// not make them on a thread that others depend on, such as those of Swift's concurrency.
///
/// ```swift
/// let set = try Namespace.standard.makeSemaphores([1, 0])
/// try set.acquire(0, undo: .atExit)                // blocks until it is free
/// try set.perform([.release(0), .release(1, by: 2)], undo: .atExit)
/// ```
///
/// The corresponding C value is the identifier that `semget` returns.
public struct SemaphoreSet: Hashable, Sendable {
  /// The namespace that the set is in.
  public let namespace: Namespace
  /// The identifier, which the set's processes and the C calls know it by.
  public let identifier: Int32

  init(namespace: Namespace, identifier: Int32) {
    self.namespace = namespace
    self.identifier = identifier
  }

  /// One semaphore of the set, as a handle of its own. Nothing is checked: calls on it throw EFBIG
  /// or EINVAL when the set has no semaphore of this number.
  public subscript(semaphore: Int) -> Semaphore { Semaphore(set: self, number: semaphore) }

  // MARK: One operation

  /// Subtracts an amount from a semaphore, waiting until its value is not below it. **Blocks.**
  ///
  /// - Parameters:
  ///   - semaphore: Its number in the set, from 0.
  ///   - amount: 1…32767.
  ///   - undo: Whether it is taken back when the process ends.
  ///
  /// - Throws: EACCES without permission to alter, EFBIG for a number that the set does not have,
  ///   EIDRM when the set is removed meanwhile, EINTR after a signal handler ran, EINVAL when there
  ///   is no such set.
  ///
  /// The corresponding C function is `semop`.
  @inlinable
  public func acquire(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never
  ) throws(IPCError) {
    let result = acquireOrWait(semaphore, amount, undo, flags: 0)
    if result != 0 { try fail(.acquire, result, semaphore) }
  }

  /// As ``acquire(_:by:undo:)``, but waits no longer than `timeout`; then throws EAGAIN.
  /// **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func acquire(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never, timeout: Duration
  ) throws(IPCError) {
    let errno = one(.acquire(semaphore, by: amount), undo, timeout)
    if errno != 0 { throw failure(.acquire, errno, semaphore) }
  }

  /// Subtracts an amount from a semaphore if its value is not below it; false if it is. Never
  /// waits.
  ///
  /// - Throws: as ``acquire(_:by:undo:)``, except EINTR.
  ///
  /// The corresponding C function is `semop` with `IPC_NOWAIT`.
  @inlinable
  public func tryAcquire(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never
  ) throws(IPCError) -> Bool {
    let result = acquireOrWait(semaphore, amount, undo, flags: OperationWord.noWait)
    if result == 0 { return true }
    if result == -Errno.wouldBlock.rawValue { return false }
    try fail(.acquire, result, semaphore)
  }

  /// Adds an amount to a semaphore and lets go on whom that allows to. Never waits.
  ///
  /// - Throws: ERANGE when the value would pass 32767; else as ``acquire(_:by:undo:)``, except
  ///   EINTR.
  ///
  /// The corresponding C function is `semop`.
  @inlinable
  public func release(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never
  ) throws(IPCError) {
    let result =
      OperationWord.allows(semaphore, amount)
      ? operate(OperationWord.bits(semaphore, amount, undo, flags: 0))
      : OperationWord.refusal(semaphore, amount)
    if result != 0 { try fail(.release, result, semaphore) }
  }

  /// Waits until a semaphore's value is 0. **Blocks.** Needs permission to read.
  ///
  /// - Throws: as ``acquire(_:by:undo:)``.
  ///
  /// The corresponding C function is `semop`.
  @inlinable
  public func waitForZero(_ semaphore: Int = 0) throws(IPCError) {
    let result = zeroOrWait(semaphore, flags: 0)
    if result != 0 { try fail(.waitForZero, result, semaphore) }
  }

  /// As ``waitForZero(_:)``, but waits no longer than `timeout`; then throws EAGAIN. **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func waitForZero(_ semaphore: Int = 0, timeout: Duration) throws(IPCError) {
    let errno = one(.waitForZero(semaphore), .never, timeout)
    if errno != 0 { throw failure(.waitForZero, errno, semaphore) }
  }

  /// Whether a semaphore's value is 0. Never waits. Needs permission to read.
  ///
  /// The corresponding C function is `semop` with `IPC_NOWAIT`.
  @inlinable
  public func isZero(_ semaphore: Int = 0) throws(IPCError) -> Bool {
    let result = zeroOrWait(semaphore, flags: OperationWord.noWait)
    if result == 0 { return true }
    if result == -Errno.wouldBlock.rawValue { return false }
    try fail(.waitForZero, result, semaphore)
  }

  // The lock-free path, without array or allocation. What can be decided where the call stands is
  // inlined there; results are 0 or a negative errno.

  @inlinable @inline(__always)
  func acquireOrWait(_ semaphore: Int, _ amount: Int, _ undo: Undo, flags: UInt64) -> Int32 {
    guard OperationWord.allows(semaphore, amount) else {
      return OperationWord.refusal(semaphore, amount)
    }
    return operate(OperationWord.bits(semaphore, 0 &- amount, undo, flags: flags))
  }

  @inlinable @inline(__always)
  func zeroOrWait(_ semaphore: Int, flags: UInt64) -> Int32 {
    guard OperationWord.allows(semaphore, 1) else { return OperationWord.refusal(semaphore, 1) }
    return operate(OperationWord.bits(semaphore, 0, .never, flags: flags))
  }

  @usableFromInline
  func operate(_ bits: UInt64) -> Int32 {
    namespace.host.operate(identifier, Operation(bits: bits))
  }

  // MARK: Several operations, or a timeout

  /// 0 or an errno. Tries before it gives a timeout, because only calls without one can do without
  /// the set's lock.
  func several(
    _ operations: borrowing Span<SemaphoreOperation>, _ undo: Undo, _ timeout: Duration
  ) -> Int32 {
    if timeout < .zero { return OmegaEngine.Errno.invalid.rawValue }
    let flags = undo == .atExit ? Flag.undo : 0
    let errno = atOnce(operations, flags | Flag.noWait)
    if errno != OmegaEngine.Errno.again.rawValue || timeout == .zero { return errno }
    return many(operations, flags, Timeout(timeout))
  }

  /// 0 or an errno.
  @inline(__always)
  func atOnce(_ operations: borrowing Span<SemaphoreOperation>, _ flags: Int32) -> Int32 {
    let span = copy operations
    let count = span.count
    guard count <= 8 else { return many(span, flags, nil) }
    var words = InlineArray<8, UInt64>(repeating: 0)
    let extra = OperationWord.flags(flags)
    var unfit: UInt = 0
    var index = 0
    while index < count {
      let (bits, excess) = span[index].word
      words[index] = bits | extra
      unfit |= excess
      index &+= 1
    }
    guard unfit == 0 else { return many(span, flags, nil) }
    return 0 &- namespace.host.operate(identifier, words.span.extracting(first: count))
  }

  /// Any number of them, and the error of the first that is none.
  @inline(never)
  private func many(
    _ operations: borrowing Span<SemaphoreOperation>, _ flags: Int32, _ timeout: Timeout?
  ) -> Int32 {
    let span = copy operations
    do throws(OmegaLinuxErrno) {
      for index in span.indices { _ = try span[index].engineForm(flags: flags) }
      return -namespace.host.operate(identifier, count: span.count, timeout: timeout) { index in
        // Checked above.
        (try? span[index].engineForm(flags: flags)) ?? Operation(bits: 0)
      }
    } catch {
      return error.rawValue
    }
  }

  private func one(_ operation: SemaphoreOperation, _ undo: Undo, _ timeout: Duration) -> Int32 {
    let operations: InlineArray<1, SemaphoreOperation> = [operation]
    return several(operations.span, undo, timeout)
  }

  /// Throws for a negative errno. All of it apart, so that what calls it stays small enough to be
  /// inlined.
  @inline(never) @usableFromInline
  func fail(
    _ action: IPCError.Action, _ result: Int32, _ semaphore: Int
  ) throws(IPCError) -> Never {
    throw failure(action, -result, semaphore)
  }

  /// The error of a call on the set or on one of its semaphores.
  @inline(never)
  func failure(_ action: IPCError.Action, _ errno: Int32, _ semaphore: Int? = nil) -> IPCError {
    let directory = namespace.directory
    let object: IPCError.Object =
      if let semaphore {
        .semaphore(semaphore, identifier: identifier, directory: directory)
      } else {
        .object(.semaphores, identifier: identifier, directory: directory)
      }
    return IPCError(action, object, Errno(rawValue: errno))
  }
}

extension SemaphoreSet: CustomStringConvertible {
  /// The identifier and the namespace.
  public var description: String { "semaphore set \(identifier) in \(namespace)" }
}

extension Timeout {
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    // What is left of a nanosecond is waited for.
    let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
    if nanoseconds < 1_000_000_000 || seconds == .max {
      self.init(seconds: seconds, nanoseconds: min(nanoseconds, 999_999_999))
    } else {
      self.init(seconds: seconds + 1, nanoseconds: 0)
    }
  }
}
