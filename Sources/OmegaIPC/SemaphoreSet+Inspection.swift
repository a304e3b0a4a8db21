internal import OmegaEngine
internal import OmegaLinux

/// Everything about a set at one instant, also what the kernel cannot show of its own.
public struct SemaphoreSetDetails: Hashable, Sendable {
  /// One semaphore.
  public struct Semaphore: Hashable, Sendable {
    /// 0…32767.
    public let value: Int
    /// The process that changed it last, 0 for none.
    public let lastProcess: Int32
    /// Calls that wait for it to be released (GETNCNT).
    public fileprivate(set) var waitingToAcquire = 0
    /// Calls that wait for it to become 0 (GETZCNT).
    public fileprivate(set) var waitingForZero = 0
  }

  /// A call that waits.
  public struct Waiter: Hashable, Sendable {
    /// Its process.
    public let process: Int32
    /// Its thread, as `gettid` numbers them.
    public let thread: Int32
    /// When it began to wait, in seconds since 1970.
    public let since: Int64
    /// What it wants to do, all at once.
    public let operations: [SemaphoreOperation]
    /// The index of the operation that cannot proceed.
    public let blockedIndex: Int
    /// The operation that cannot proceed.
    public var blocked: SemaphoreOperation { operations[blockedIndex] }
  }

  /// What a process has done with ``Undo/atExit`` and the system would take back now.
  public struct Holder: Hashable, Sendable {
    /// The process.
    public let process: Int32
    /// What its end would add to semaphores, by their number; none is 0.
    public fileprivate(set) var adjustments: [Int: Int]
  }

  /// Key, owner, mode, size and times.
  public let status: SemaphoreSetStatus
  /// The semaphores by their number.
  public let semaphores: [Semaphore]
  /// The calls that wait, in the order in which they came.
  public let waiters: [Waiter]
  /// The processes that hold adjustments.
  public let holders: [Holder]
}

extension SemaphoreSet {
  /// Shows everything about the set at one instant: values, who waits on which operation since
  /// when, and who holds adjustments. Needs permission to read.
  ///
  /// What processes that have ended left is settled first. Throws EINVAL when there is no such set,
  /// EACCES without the permission, EIDRM when it is removed meanwhile.
  public func inspect() throws(IPCError) -> SemaphoreSetDetails {
    do throws(OmegaLinuxErrno) {
      return try details()
    } catch {
      throw failure(.inspect, error.rawValue)
    }
  }

  private func details() throws(OmegaLinuxErrno) -> SemaphoreSetDetails {
    var semaphores: [SemaphoreSetDetails.Semaphore] = []
    var waiters: [(order: UInt64, waiter: SemaphoreSetDetails.Waiter)] = []
    var holders: [SemaphoreSetDetails.Holder] = []
    // The set stands still meanwhile: ask for the memory before.
    semaphores.reserveCapacity(try namespace.host.semaphoreCount(identifier))
    let status = try namespace.host.inspect(
      identifier,
      semaphore: { _, word in
        semaphores.append(
          SemaphoreSetDetails.Semaphore(
            value: word.value, lastProcess: Int32(bitPattern: word.pid)))
      },
      sleeper: { sleeper in
        if sleeper.semaphore < semaphores.count {
          if sleeper.waitsForZero {
            semaphores[sleeper.semaphore].waitingForZero += 1
          } else {
            semaphores[sleeper.semaphore].waitingToAcquire += 1
          }
        }
        waiters.append((sleeper.sequence, SemaphoreSetDetails.Waiter(sleeper)))
      },
      holder: { holder in
        let process = Int32(bitPattern: holder.pid)
        if holders.last?.process != process {
          holders.append(SemaphoreSetDetails.Holder(process: process, adjustments: [:]))
        }
        holders[holders.count - 1].adjustments[holder.semaphore] = holder.amount
      })
    return SemaphoreSetDetails(
      status: SemaphoreSetStatus(status), semaphores: semaphores,
      waiters: waiters.sorted { $0.order < $1.order }.map(\.waiter), holders: holders)
  }
}

extension SemaphoreSetDetails.Waiter {
  fileprivate init(_ sleeper: Sleeper) {
    process = Int32(bitPattern: sleeper.pid)
    thread = Int32(bitPattern: sleeper.tid)
    since = sleeper.since
    operations = (0..<sleeper.operationCount).map { SemaphoreOperation(sleeper.operation($0)) }
    blockedIndex = sleeper.blockedIndex
  }
}
