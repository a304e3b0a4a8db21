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

  // Kept as the engine wants it, so that a call of several does not have to put each together: that
  // would take a fifth of its time.
  private var amount = 1
  /// −1 acquires, 1 releases, 0 waits for zero; the amount is 1 then.
  private var direction: Int32 = 0
  /// Those of a `struct sembuf`.
  private var flags: UInt32 = 0

  /// What is done to its value.
  public var change: Change {
    get {
      direction == 0 ? .waitForZero : direction < 0 ? .acquire(amount) : .release(amount)
    }
    set {
      (amount, direction) =
        switch newValue {
        case .acquire(let amount): (amount, -1)
        case .release(let amount): (amount, 1)
        case .waitForZero: (1, 0)
        }
    }
  }

  /// Whether it is taken back when the process ends.
  public var undo: Undo {
    get { flags & UInt32(Flag.undo) == 0 ? .never : .atExit }
    set { setFlag(Flag.undo, newValue == .atExit) }
  }

  /// False when the whole step is to fail with EAGAIN rather than wait for this operation.
  public var mayWait: Bool {
    get { flags & UInt32(Flag.noWait) == 0 }
    set { setFlag(Flag.noWait, !newValue) }
  }

  private mutating func setFlag(_ flag: Int32, _ value: Bool) {
    flags = flags & ~UInt32(flag) | (value ? UInt32(flag) : 0)
  }

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
  /// The engine's form as bits, and 0 if it is one: `engineForm` says what is wrong with another.
  var word: (bits: UInt64, excess: UInt) {
    @inline(__always) get {
      let change = UInt16(truncatingIfNeeded: amount &* Int(direction))
      return (
        UInt64(truncatingIfNeeded: semaphore) | UInt64(change) << 16 | UInt64(flags) << 32,
        UInt(bitPattern: semaphore) >> 16 | UInt(bitPattern: amount | (amount &- 1)) >> 15
      )
    }
  }

  /// The engine's form with extra flags. Throws EINVAL for an amount below 1, ERANGE for one above
  /// 32767, EFBIG for a number that no semaphore has.
  func engineForm(flags extra: Int32) throws(OmegaLinuxErrno) -> Operation {
    guard UInt(bitPattern: semaphore) <= 0xFFFF else { throw .fileTooLarge }
    if amount < 1 { throw .invalid }
    if amount > Limit.semaphoreValue { throw .outOfRange }
    return Operation(
      semaphore: semaphore, amount: amount * Int(direction),
      flags: extra | Int32(truncatingIfNeeded: flags))
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
