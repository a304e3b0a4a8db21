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
  public func acquire(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never
  ) throws(IPCError) {
    let errno = one(.acquire(semaphore, by: amount), undo, 0)
    if errno != 0 { throw failure(.acquire, errno, semaphore) }
  }

  /// As ``acquire(_:by:undo:)``, but waits no longer than `timeout`; then throws EAGAIN.
  /// **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func acquire(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never, timeout: Duration
  ) throws(IPCError) {
    let errno = several([.acquire(semaphore, by: amount)], undo, timeout)
    if errno != 0 { throw failure(.acquire, errno, semaphore) }
  }

  /// Subtracts an amount from a semaphore if its value is not below it; false if it is. Never
  /// waits.
  ///
  /// - Throws: as ``acquire(_:by:undo:)``, except EINTR.
  ///
  /// The corresponding C function is `semop` with `IPC_NOWAIT`.
  public func tryAcquire(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never
  ) throws(IPCError) -> Bool {
    let errno = one(.acquire(semaphore, by: amount), undo, Flag.noWait)
    if errno == 0 { return true }
    if errno == OmegaEngine.Errno.again.rawValue { return false }
    throw failure(.acquire, errno, semaphore)
  }

  /// Adds an amount to a semaphore and lets go on whom that allows to. Never waits.
  ///
  /// - Throws: ERANGE when the value would pass 32767; else as ``acquire(_:by:undo:)``, except
  ///   EINTR.
  ///
  /// The corresponding C function is `semop`.
  public func release(
    _ semaphore: Int = 0, by amount: Int = 1, undo: Undo = .never
  ) throws(IPCError) {
    let errno = one(.release(semaphore, by: amount), undo, 0)
    if errno != 0 { throw failure(.release, errno, semaphore) }
  }

  /// Waits until a semaphore's value is 0. **Blocks.** Needs permission to read.
  ///
  /// - Throws: as ``acquire(_:by:undo:)``.
  ///
  /// The corresponding C function is `semop`.
  public func waitForZero(_ semaphore: Int = 0) throws(IPCError) {
    let errno = one(.waitForZero(semaphore), .never, 0)
    if errno != 0 { throw failure(.waitForZero, errno, semaphore) }
  }

  /// As ``waitForZero(_:)``, but waits no longer than `timeout`; then throws EAGAIN. **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func waitForZero(_ semaphore: Int = 0, timeout: Duration) throws(IPCError) {
    let errno = several([.waitForZero(semaphore)], .never, timeout)
    if errno != 0 { throw failure(.waitForZero, errno, semaphore) }
  }

  /// Whether a semaphore's value is 0. Never waits. Needs permission to read.
  ///
  /// The corresponding C function is `semop` with `IPC_NOWAIT`.
  public func isZero(_ semaphore: Int = 0) throws(IPCError) -> Bool {
    let errno = one(.waitForZero(semaphore), .never, Flag.noWait)
    if errno == 0 { return true }
    if errno == OmegaEngine.Errno.again.rawValue { return false }
    throw failure(.waitForZero, errno, semaphore)
  }

  /// The lock-free path: no array, no allocation. 0 or an errno.
  @inline(__always)
  private func one(_ operation: SemaphoreOperation, _ undo: Undo, _ flags: Int32) -> Int32 {
    do throws(OmegaLinuxErrno) {
      let flags = flags | (undo == .atExit ? Flag.undo : 0)
      return -namespace.host.operate(identifier, try operation.engineForm(flags: flags))
    } catch {
      return error.rawValue
    }
  }

  func several(
    _ operations: borrowing Span<SemaphoreOperation>, _ undo: Undo, _ timeout: Duration?
  ) -> Int32 {
    let extra = undo == .atExit ? Flag.undo : 0
    for index in operations.indices {
      do throws(OmegaLinuxErrno) {
        _ = try operations[index].engineForm(flags: extra)
      } catch {
        return error.rawValue
      }
    }
    let span = copy operations
    return -namespace.host.operate(
      identifier, count: span.count, timeout: timeout.map(Timeout.init)
    ) { index in
      // Checked above.
      (try? span[index].engineForm(flags: extra)) ?? Operation(bits: 0)
    }
  }

  private func several(
    _ operations: InlineArray<1, SemaphoreOperation>, _ undo: Undo, _ timeout: Duration
  ) -> Int32 {
    several(operations.span, undo, timeout)
  }

  /// The error of a call on the set or on one of its semaphores.
  @inline(never)
  func failure(_ action: IPCError.Action, _ errno: Int32, _ semaphore: Int? = nil) -> IPCError {
    let directory = namespace.directory
    let object: IPCError.Object =
      if let semaphore {
        .semaphore(semaphore, identifier: identifier, directory: directory)
      } else {
        .set(identifier: identifier, directory: directory)
      }
    return IPCError(action, object, Errno(rawValue: errno))
  }
}

extension SemaphoreSet: CustomStringConvertible {
  /// The identifier and the namespace.
  public var description: String { "semaphore set \(identifier) in \(namespace)" }
}

extension Timeout {
  /// A negative duration becomes one that the call refuses with EINVAL.
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(seconds: seconds, nanoseconds: attoseconds / 1_000_000_000)
    if duration < .zero { self.seconds = -1 }
  }
}
