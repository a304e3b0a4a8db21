internal import OmegaEngine

extension SemaphoreSet {
  /// Performs several operations in one atomic step: all or none of them, in order, as soon as all
  /// can be. **Blocks.**
  ///
  /// - Parameters:
  ///   - operations: 1…500, or what the namespace allows. Several may name the same semaphore.
  ///   - undo: `.atExit` takes all of them back when the process ends; else each says it itself.
  ///
  /// - Throws: E2BIG for too many, ERANGE when a value would pass 32767, EAGAIN when an operation
  ///   that may not wait would have to; else as ``acquire(_:by:undo:)``.
  ///
  /// The corresponding C function is `semop`.
  public func perform(
    _ operations: [SemaphoreOperation], undo: Undo = .never
  ) throws(IPCError) {
    let errno = atOnce(operations.span, undo == .atExit ? Flag.undo : 0)
    if errno != 0 { throw failure(.perform, errno) }
  }

  /// As ``perform(_:undo:)-([SemaphoreOperation],_)``, but waits no longer than `timeout`; then
  /// throws EAGAIN. **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func perform(
    _ operations: [SemaphoreOperation], undo: Undo = .never, timeout: Duration
  ) throws(IPCError) {
    try perform(operations.span, undo: undo, timeout: timeout)
  }

  /// As ``perform(_:undo:)-([SemaphoreOperation],_)`` with an array. **Blocks.**
  public func perform(
    _ operations: borrowing Span<SemaphoreOperation>, undo: Undo = .never
  ) throws(IPCError) {
    let errno = atOnce(operations, undo == .atExit ? Flag.undo : 0)
    if errno != 0 { throw failure(.perform, errno) }
  }

  /// As ``perform(_:undo:timeout:)-([SemaphoreOperation],_,_)`` with an array. **Blocks.**
  public func perform(
    _ operations: borrowing Span<SemaphoreOperation>, undo: Undo = .never, timeout: Duration
  ) throws(IPCError) {
    let errno = several(operations, undo, timeout)
    if errno != 0 { throw failure(.perform, errno) }
  }

  /// Performs several operations in one atomic step if all can be done at once; false if not. Never
  /// waits.
  ///
  /// - Throws: as ``perform(_:undo:)-([SemaphoreOperation],_)``, except EINTR and EAGAIN.
  ///
  /// The corresponding C function is `semtimedop` with a timeout of zero.
  public func tryPerform(
    _ operations: [SemaphoreOperation], undo: Undo = .never
  ) throws(IPCError) -> Bool {
    let errno = several(operations.span, undo, .zero)
    if errno == 0 { return true }
    if errno == Errno.wouldBlock.rawValue { return false }
    throw failure(.perform, errno)
  }

  /// Acquires, runs `body`, and releases, also when `body` throws. **Blocks.**
  ///
  /// The acquisition is undone at exit, so a process that ends inside `body` leaves nothing held.
  /// - Throws: what `body` throws, or an ``IPCError``.
  public func withAcquired<Result>(
    _ semaphore: Int = 0, by amount: Int = 1, _ body: () throws -> Result
  ) throws -> Result {
    try acquire(semaphore, by: amount, undo: .atExit)
    let result: Result
    do {
      result = try body()
    } catch {
      try release(semaphore, by: amount, undo: .atExit)
      throw error
    }
    try release(semaphore, by: amount, undo: .atExit)
    return result
  }
}
