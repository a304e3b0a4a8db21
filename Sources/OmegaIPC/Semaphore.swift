/// One semaphore of a set, as a handle: what ``SemaphoreSet`` offers, without its number.
public struct Semaphore: Hashable, Sendable {
  /// The set that it is in.
  public let set: SemaphoreSet
  /// Its number in the set, from 0.
  public let number: Int

  /// Subtracts an amount, waiting until the value is not below it. **Blocks.** See
  /// ``SemaphoreSet/acquire(_:by:undo:)``.
  ///
  /// The corresponding C function is `semop`.
  public func acquire(by amount: Int = 1, undo: Undo = .never) throws(IPCError) {
    try set.acquire(number, by: amount, undo: undo)
  }

  /// As ``acquire(by:undo:)``, but waits no longer than `timeout`; then throws EAGAIN. **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func acquire(
    by amount: Int = 1, undo: Undo = .never, timeout: Duration
  ) throws(IPCError) {
    try set.acquire(number, by: amount, undo: undo, timeout: timeout)
  }

  /// Subtracts an amount if the value is not below it; false if it is. Never waits.
  ///
  /// The corresponding C function is `semop` with `IPC_NOWAIT`.
  public func tryAcquire(by amount: Int = 1, undo: Undo = .never) throws(IPCError) -> Bool {
    try set.tryAcquire(number, by: amount, undo: undo)
  }

  /// Adds an amount and lets go on whom that allows to. Never waits.
  ///
  /// The corresponding C function is `semop`.
  public func release(by amount: Int = 1, undo: Undo = .never) throws(IPCError) {
    try set.release(number, by: amount, undo: undo)
  }

  /// Waits until the value is 0. **Blocks.**
  ///
  /// The corresponding C function is `semop`.
  public func waitForZero() throws(IPCError) { try set.waitForZero(number) }

  /// As ``waitForZero()``, but waits no longer than `timeout`; then throws EAGAIN. **Blocks.**
  ///
  /// The corresponding C function is `semtimedop`.
  public func waitForZero(timeout: Duration) throws(IPCError) {
    try set.waitForZero(number, timeout: timeout)
  }

  /// Acquires, runs `body`, and releases, also when `body` throws. **Blocks.** See
  /// ``SemaphoreSet/withAcquired(_:by:_:)``.
  public func withAcquired<Result>(
    by amount: Int = 1, _ body: () throws -> Result
  ) throws -> Result {
    try set.withAcquired(number, by: amount, body)
  }

  /// The value, 0…32767.
  ///
  /// The corresponding C function is `semctl` with `GETVAL`.
  public var value: Int {
    get throws(IPCError) { try set.value(of: number) }
  }

  /// Sets the value, 0…32767; what processes would undo of it is forgotten.
  ///
  /// The corresponding C function is `semctl` with `SETVAL`.
  public func setValue(_ value: Int) throws(IPCError) { try set.setValue(value, of: number) }
}
