internal import OmegaEngine

/// One operation of an atomic step, see ``SemaphoreSet/perform(_:undo:)-([SemaphoreOperation],_)``.
///
/// The corresponding C structure is `struct sembuf`.
public struct SemaphoreOperation: Hashable, Sendable {
  /// What is done to the value.
  public enum Change: Hashable, Sendable {
    /// Subtracts an amount, 1…32767, as soon as the value is not below it.
    case acquire(Int)
    /// Adds an amount, 1…32767.
    case release(Int)
    /// Goes on as soon as the value is 0.
    case waitForZero
  }

  /// The number of the semaphore in its set, from 0.
  public var semaphore: Int
  /// What is done to its value.
  public var change: Change
  /// Whether it is taken back when the process ends.
  public var undo: Undo = .never
  /// False when the whole step is to fail with EAGAIN rather than wait for this operation.
  public var mayWait = true

  /// An operation.
  public init(semaphore: Int, change: Change) {
    self.semaphore = semaphore
    self.change = change
  }

  /// Subtracts an amount, 1…32767, as soon as the value is not below it.
  public static func acquire(_ semaphore: Int = 0, by amount: Int = 1) -> SemaphoreOperation {
    SemaphoreOperation(semaphore: semaphore, change: .acquire(amount))
  }

  /// Adds an amount, 1…32767.
  public static func release(_ semaphore: Int = 0, by amount: Int = 1) -> SemaphoreOperation {
    SemaphoreOperation(semaphore: semaphore, change: .release(amount))
  }

  /// Goes on as soon as the value is 0.
  public static func waitForZero(_ semaphore: Int = 0) -> SemaphoreOperation {
    SemaphoreOperation(semaphore: semaphore, change: .waitForZero)
  }

  /// The same operation, taken back when the process ends.
  public var undoneAtExit: SemaphoreOperation {
    var copy = self
    copy.undo = .atExit
    return copy
  }

  /// The same operation, which fails the step with EAGAIN where it would have to wait.
  ///
  /// The corresponding C flag is `IPC_NOWAIT`.
  public var withoutWaiting: SemaphoreOperation {
    var copy = self
    copy.mayWait = false
    return copy
  }
}

extension SemaphoreOperation: CustomStringConvertible {
  /// Such as `acquire 1 of 0, undone at exit`.
  public var description: String {
    let what =
      switch change {
      case .acquire(let amount): "acquire \(amount) of \(semaphore)"
      case .release(let amount): "release \(amount) of \(semaphore)"
      case .waitForZero: "wait for zero of \(semaphore)"
      }
    return what + (undo == .atExit ? ", undone at exit" : "") + (mayWait ? "" : ", without waiting")
  }
}

extension SemaphoreOperation {
  /// The engine's form with extra flags. Throws EINVAL for an amount below 1, ERANGE for one above
  /// 32767, EFBIG for a number that no semaphore has.
  @inline(__always)
  func engineForm(flags extra: Int32) throws(OmegaLinuxErrno) -> Operation {
    guard UInt(bitPattern: semaphore) <= 0xFFFF else { throw .fileTooLarge }
    let flags =
      extra | (undo == .atExit ? Flag.undo : 0) | (mayWait ? 0 : Flag.noWait)
    switch change {
    case .acquire(let amount):
      try SemaphoreOperation.check(amount)
      return Operation(semaphore: semaphore, amount: -amount, flags: flags)
    case .release(let amount):
      try SemaphoreOperation.check(amount)
      return Operation(semaphore: semaphore, amount: amount, flags: flags)
    case .waitForZero:
      return Operation(semaphore: semaphore, amount: 0, flags: flags)
    }
  }

  @inline(__always)
  private static func check(_ amount: Int) throws(OmegaLinuxErrno) {
    if amount < 1 { throw .invalid }
    if amount > Limit.semaphoreValue { throw .outOfRange }
  }

  /// From the engine's form, for inspection.
  init(_ operation: Operation) {
    let amount = operation.amount
    self.init(
      semaphore: operation.semaphore,
      change: amount < 0 ? .acquire(-amount) : amount > 0 ? .release(amount) : .waitForZero)
    undo = operation.usesUndo ? .atExit : .never
    mayWait = !operation.refusesToWait
  }
}
