import COmegaLinux
import OmegaEngine

extension Namespace {
  /// `semop` and `semtimedop` (semop(2)): 0 or a negative errno.
  ///
  /// `operations` points to `count` times `struct sembuf`; `timeout` to a `struct timespec`, relative,
  /// or is nil to wait for ever. Errors in Linux's order (semantics B2.1).
  @inline(__always)
  public func operate(
    _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, count: UInt,
    timeout: UnsafeMutableRawPointer?
  ) -> Int32 {
    // SAFETY: the pointers are asked about before they are used.
    if unsafe timeout == nil || Namespace.isTimeout(timeout) {
      if count == 1,
        let operations = unsafe operations, unsafe omega_readable(operations, 6) != 0,
        let handle = unsafe enter(identifier)
      {
        let result = unsafe Namespace.fast(handle, ReadableBytes(address: operations).operation(0))
        unsafe leave(handle)
        if let result { return result }
      } else {
        return unsafe operateSeveral(identifier, operations, count: count, timeout: timeout)
      }
    }
    return unsafe operateSlow(identifier, operations, count: count, timeout: timeout)
  }

  /// Whether it is a valid timeout, which does not matter to a call that succeeds at once. Anything
  /// else is left to the slow path, which knows the order of errors.
  @inline(never)
  private static func isTimeout(_ timeout: UnsafeMutableRawPointer?) -> Bool {
    guard let time = try? unsafe UserMemory(timeout).readable(16) else { return false }
    return time.load(0, as: Int64.self) >= 0
      && time.load(8, as: UInt64.self) < 1_000_000_000
  }

  /// Two to eight operations the lock-free way, if possible.
  @inline(never)
  private func operateSeveral(
    _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, count: UInt,
    timeout: UnsafeMutableRawPointer?
  ) -> Int32 {
    // SAFETY: the pointer is asked about before it is used.
    if count &- 2 <= 6, let operations = unsafe operations,
      unsafe omega_readable(operations, 6 &* Int(count)) != 0,
      Int(count) <= limits.operationsPerCall, let handle = unsafe enter(identifier)
    {
      let result = unsafe Namespace.fastMany(
        handle, ReadableBytes(address: operations), count: Int(count))
      unsafe leave(handle)
      if result == .done { return 0 }
    }
    return unsafe operateSlow(identifier, operations, count: count, timeout: timeout)
  }

  /// The lock-free path of one operation; nil when it is not decided here.
  @inline(__always)
  static func fast(_ handle: HandlePointer, _ operation: Operation) -> Int32? {
    // SAFETY: the handle is entered; the identity page lives as long as the process; the semaphore's
    // index is compared with the layout's count before its cell is touched.
    let pid = unsafe omega_identity().pointee.pid
    let image = unsafe handle.pointee.set.image
    guard
      unsafe pid != 0 && handle.pointee.state == image.loadTrusted(Header.state)
        && handle.pointee.generation == omega_credentials()
    else { return nil }
    let semaphore = operation.semaphore
    let amount = operation.amount
    guard unsafe semaphore < handle.pointee.set.layout.semaphoreCount else { return nil }
    guard unsafe handle.pointee.granted & (amount == 0 ? Permissions.read : Permissions.alter) != 0
    else { return nil }
    if operation.usesUndo { return unsafe fastUndo(handle, operation, pid) }
    let cell = SetLayout.headerByteCount &+ 64 &* semaphore
    let result = unsafe SemaphoreSet.tryOperate(image, cell: cell, amount: amount, pid: pid)
    if result == .done {
      unsafe SemaphoreSet.noteTime(image, cell: cell, omega_seconds())
      return 0
    }
    return unsafe fastContended(handle, operation, pid, result)
  }

  /// What the one compare-and-swap left: other adjustments, a value that does not allow it.
  @inline(never)
  private static func fastContended(
    _ handle: HandlePointer, _ operation: Operation, _ pid: UInt32, _ first: FastResult
  ) -> Int32? {
    var result = first
    if first == .slow {
      // SAFETY: as in `fast`.
      let member = unsafe handle.pointee.memberPid == pid ? Int(handle.pointee.member) : -1
      let set = unsafe handle.pointee.set
      result = set.contendedOperate(
        semaphore: operation.semaphore, amount: operation.amount, pid: pid, member: member)
      if result == .done {
        unsafe SemaphoreSet.noteTime(
          set.image, cell: set.layout.cell(operation.semaphore), omega_seconds())
      }
    }
    return outcome(result, operation)
  }

  @inline(__always)
  private static func outcome(_ result: FastResult, _ operation: Operation) -> Int32? {
    switch result {
    case .done: 0
    case .outOfRange: -Errno.outOfRange.rawValue
    case .blocked: operation.refusesToWait ? -Errno.again.rawValue : nil
    case .slow: nil
    }
  }

  @inline(__always)
  private static func fastUndo(
    _ handle: HandlePointer, _ operation: Operation, _ pid: UInt32
  ) -> Int32? {
    // SAFETY: as in `fast`; a claimed member's slot exists.
    guard unsafe handle.pointee.memberPid == pid && handle.pointee.hasRecord != 0,
      operation.amount != 0
    else { return nil }  // An operation of 0 makes an undo record even so.
    let member = unsafe Int(handle.pointee.member)
    let image = unsafe handle.pointee.set.image
    guard unsafe SemaphoreSet.isArmed(image, member: handle.pointee.set.layout.member(member))
    else { return nil }
    let cell = SetLayout.headerByteCount &+ 64 &* operation.semaphore
    let result = unsafe SemaphoreSet.tryOperateUndo(
      image, cell: cell, amount: operation.amount, pid: pid, member: member)
    if result == .done {
      unsafe SemaphoreSet.noteTime(image, cell: cell, omega_seconds())
      return 0
    }
    return unsafe fastUndoContended(handle, operation, pid, result)
  }

  @inline(never)
  private static func fastUndoContended(
    _ handle: HandlePointer, _ operation: Operation, _ pid: UInt32, _ first: FastResult
  ) -> Int32? {
    // SAFETY: as in `fastUndo`.
    guard first == .slow else { return outcome(first, operation) }
    guard unsafe beginAlone(handle) else { return nil }
    let set = unsafe handle.pointee.set
    let result = unsafe set.fastOperateUndo(
      semaphore: operation.semaphore, amount: operation.amount, pid: pid,
      member: Int(handle.pointee.member))
    unsafe endAlone(handle)
    if result == .done {
      unsafe SemaphoreSet.noteTime(
        set.image, cell: set.layout.cell(operation.semaphore), omega_seconds())
    }
    return outcome(result, operation)
  }

  /// Several operations without the lock; `.slow` when its owner must decide.
  @inline(__always)
  static func fastMany<List: OperationList>(
    _ handle: HandlePointer, _ operations: List, count: Int
  ) -> FastResult {
    // SAFETY: as in `fast`; a claimed member's slot exists.
    let pid = unsafe omega_identity().pointee.pid
    let image = unsafe handle.pointee.set.image
    guard
      unsafe pid != 0 && handle.pointee.state == image.loadTrusted(Header.state)
        && handle.pointee.generation == omega_credentials() && handle.pointee.memberPid == pid
    else { return .slow }
    let member = unsafe Int(handle.pointee.member)
    guard
      unsafe SemaphoreSet.isArmed(image, member: handle.pointee.set.layout.member(member))
        && omega_thread().pointee.pid == pid
    else { return .slow }
    let caller = unsafe SeveralCaller(
      image: image, descriptor: handle.pointee.set.layout.descriptor(member),
      semaphoreCount: handle.pointee.set.layout.semaphoreCount, pid: pid,
      tid: omega_thread().pointee.tid, member: member, granted: handle.pointee.granted,
      record: handle.pointee.hasRecord)
    guard unsafe beginAlone(handle) else { return .slow }
    let result = unsafe SemaphoreSet.tryOperateMany(
      LinuxCallOwner(omega_thread()), caller, count: count, operations)
    unsafe endAlone(handle)
    return result
  }

  /// Everything that the fast path leaves: errors, several operations, waiting.
  @inline(never)
  private func operateSlow(
    _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, count: UInt,
    timeout: UnsafeMutableRawPointer?
  ) -> Int32 {
    endAbandonedSleep()
    do throws(Errno) {
      let start = try unsafe startCall(identifier, operations, count: count, timeout: timeout)
      if let sleeper = unsafe start {
        defer { unsafe leave(sleeper.handle) }
        let set = unsafe sleeper.handle.pointee.set
        try unsafe sleeping(sleeper.handle, slot: sleeper.slot) { () throws(Errno) in
          try unsafe set.sleep(LinuxHost(), slot: sleeper.slot, deadline: sleeper.deadline)
        }
      }
      return 0
    } catch {
      return -error.rawValue
    }
  }

  /// A call that has to sleep; its handle stays entered.
  @unsafe
  private struct Sleeper {
    var handle: HandlePointer
    var slot: Int
    var deadline: Deadline
  }

  /// The call up to its end or its sleep, nil when it is done.
  ///
  /// The operations are read where the caller has them, for 500 would be a large part of the smallest
  /// stack. A thread that changes them meanwhile gets one or the other; the semaphores' numbers are
  /// checked whenever they are read.
  @inline(never)
  private func startCall(
    _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, count: UInt,
    timeout: UnsafeMutableRawPointer?
  ) throws(Errno) -> Sleeper? {
    let deadline: Deadline?
    var timeoutIsValid = true
    if let timeout = unsafe timeout {
      let time = try unsafe UserMemory(timeout).readable(16)
      deadline = Deadline(
        seconds: time.load(0, as: Int64.self), nanoseconds: time.load(8, as: Int64.self))
      timeoutIsValid = deadline != nil
    } else {
      deadline = .never
    }
    let count = Int(UInt32(truncatingIfNeeded: count))
    if count > limits.operationsPerCall { throw .argumentListTooLong }
    if count == 0 { throw .invalid }
    let bytes = try unsafe UserMemory(operations).readable(6 * count)
    if identifier < 0 { throw .invalid }
    guard timeoutIsValid, let deadline else { throw .invalid }

    let handle = unsafe try self.handle(identifier, count: count, bytes)
    do throws(Errno) {
      if let sleeper = try unsafe run(handle, count: count, deadline: deadline, bytes) {
        return unsafe sleeper
      }
    } catch {
      unsafe leave(handle)
      throw error
    }
    unsafe leave(handle)
    return nil
  }

  /// The entered handle. A set that may not be opened still tells its size: EFBIG comes before EACCES.
  private func handle(
    _ identifier: Int32, count: Int, _ operations: ReadableBytes
  ) throws(Errno) -> HandlePointer {
    do throws(Errno) {
      return unsafe try handle(identifier)
    } catch {
      if error != .accessDenied { throw error }
      let size = lookUp(.semaphores, index: Int(identifier) & 0x7FFF)?.size ?? 0
      for index in 0..<count where operations.operation(index).semaphore >= size {
        throw .fileTooLarge
      }
      throw error
    }
  }

  private func run(
    _ handle: HandlePointer, count: Int, deadline: Deadline,
    _ operations: ReadableBytes
  ) throws(Errno) -> Sleeper? {
    // SAFETY: the handle is entered.
    let host = LinuxHost()
    let set = unsafe handle.pointee.set
    var alters = false
    var undo = false
    var highest = 0
    for index in 0..<count {
      let operation = operations.operation(index)
      alters = alters || operation.amount != 0
      undo = undo || operation.usesUndo
      highest = max(highest, operation.semaphore)
    }
    if undo { try unsafe claim(handle, host, .undo) }
    if highest >= set.layout.semaphoreCount { throw .fileTooLarge }
    try unsafe authorize(handle, alters ? Permissions.alter : Permissions.read)

    let mayWait = deadline.nanoseconds > 0
    if count == 1 {
      let only = operations.operation(0, below: set.layout.semaphoreCount)
      if let result = unsafe spin(handle, only, mayWait: mayWait) {
        if result != 0 { throw Errno(rawValue: -result) }
        return nil
      }
    }
    if mayWait { try unsafe claim(handle, host, .sleeping) }
    let member = unsafe Int(handle.pointee.member)
    let until = mayWait ? deadline.absolute : deadline
    let outcome = try set.operate(
      host, count: count, member: unsafe handle.pointee.memberPid == host.pid ? member : -1,
      patience: mayWait ? .mayWait : .none
    ) { operations.operation($0, below: set.layout.semaphoreCount) }
    guard case .asleep(let slot) = outcome else { return nil }
    return unsafe Sleeper(handle: handle, slot: slot, deadline: until)
  }

  /// Spins for a single operation that is blocked: a hand-over between running processes takes a
  /// fraction of what parking does. Turns adapt to success; nil when it did not help.
  private func spin(_ handle: HandlePointer, _ operation: Operation, mayWait: Bool) -> Int32? {
    // SAFETY: the handle is entered.
    if let result = unsafe Namespace.fast(handle, operation) { return result }
    guard mayWait, omega_processors() > 1 else { return nil }
    let budget = unsafe max(handle.pointee.spin, SpinBudget.least)
    let set = unsafe handle.pointee.set
    for _ in 0..<budget {
      let word = set.word(operation.semaphore)
      // Somebody sleeps there already: get in line behind him.
      if word.isSlow { return nil }
      let value = word.value + operation.amount
      if operation.amount == 0 ? word.value == 0 : value >= 0 {
        if let result = unsafe Namespace.fast(handle, operation) {
          unsafe handle.pointee.spin = min(budget * 2, SpinBudget.most)
          return result
        }
      }
      omega_pause()
    }
    unsafe handle.pointee.spin = max(budget / 2, SpinBudget.least)
    return nil
  }
}

/// Turns of the spin loop before a call sleeps.
enum SpinBudget {
  static let least: Int32 = 20
  static let most: Int32 = 2000
  /// Turns for which a call that streams messages watches the other side at work: the time that it takes
  /// to send or receive several hundred messages.
  static let stream: Int32 = 1000
}

extension Deadline {
  /// A relative `struct timespec`; nil when it is not one (EINVAL). 0 stands for "do not wait".
  fileprivate init?(seconds: Int64, nanoseconds: Int64) {
    guard seconds >= 0 && nanoseconds >= 0 && nanoseconds < 1_000_000_000 else { return nil }
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self.init(nanoseconds: overflow || product > Int64.max / 4 ? .max : product + nanoseconds)
  }

  /// The time on the clock when a relative one has passed.
  fileprivate var absolute: Deadline {
    if nanoseconds == .max { return .never }
    return Deadline(nanoseconds: Kernel.monotonicNanoseconds + nanoseconds)
  }
}
