import Glibc
import OmegaIPC
import Testing

@Suite struct OperationTests {
  let box: PrivateNamespace
  var namespace: Namespace { box.namespace }

  init() throws { box = try PrivateNamespace() }

  @Test func acquiresAndReleases() throws {
    let set = try namespace.makeSemaphores([3, 0])
    try set.acquire()
    #expect(try set.values() == [2, 0])
    try set.acquire(0, by: 2)
    #expect(try set.values() == [0, 0])
    try set.release(1, by: 5)
    try set.release()
    #expect(try set.values() == [1, 5])
  }

  @Test func triesWithoutWaiting() throws {
    let set = try namespace.makeSemaphores([1])
    #expect(try set.tryAcquire())
    #expect(try !set.tryAcquire())
    #expect(try set.value() == 0)
    try set.release(0, by: 2)
    #expect(try !set.tryAcquire(0, by: 3))
    #expect(try set.tryAcquire(0, by: 2, undo: .atExit))
    #expect(try set.inspect().holders == [holder([0: 2])])
  }

  @Test func waitsForZero() throws {
    let set = try namespace.makeSemaphores([1, 0])
    #expect(try !set.isZero(0))
    #expect(try set.isZero(1))
    try set.waitForZero(1)
    let error = failure { () throws(IPCError) in
      try set.waitForZero(0, timeout: .milliseconds(1))
    }
    #expect(error == IPCError(.waitForZero, semaphore(0, set), .wouldBlock))
    let waiting = Blocking { try set.waitForZero(0) }
    try set.acquire(0)
    try waiting.value()
  }

  @Test func timeoutChangesNothing() throws {
    let set = try namespace.makeSemaphores([1])
    let error = failure { () throws(IPCError) in
      try set.acquire(0, by: 2, undo: .atExit, timeout: .milliseconds(2))
    }
    #expect(error == IPCError(.acquire, semaphore(0, set), .wouldBlock))
    #expect(error?.isTimeout == true)
    #expect(try set.value() == 1)
    let details = try set.inspect()
    #expect(details.waiters.isEmpty)
    #expect(details.holders.isEmpty)
    try set.acquire(0, timeout: .zero)
    #expect(try set.value() == 0)
  }

  @Test func refusesNegativeTimeouts() throws {
    let set = try namespace.makeSemaphores([1])
    for timeout in [Duration.seconds(-1), .nanoseconds(-1), .milliseconds(-1500)] {
      let error = failure { () throws(IPCError) in try set.acquire(timeout: timeout) }
      #expect(error?.errno == .invalid)
    }
    #expect(try set.value() == 1)
    try set.acquire(timeout: .seconds(Int64.max))
  }

  @Test(arguments: [0, -1, Int.min]) func refusesAmountsBelowOne(amount: Int) throws {
    let set = try namespace.makeSemaphores([1])
    let errors = [
      failure { () throws(IPCError) in try set.acquire(0, by: amount) },
      failure { () throws(IPCError) in try set.release(0, by: amount) },
      failure { () throws(IPCError) in _ = try set.tryAcquire(0, by: amount) },
      failure { () throws(IPCError) in try set.perform([.acquire(0, by: amount)]) },
    ]
    #expect(errors.allSatisfy { $0?.errno == .invalid })
    #expect(try set.value() == 1)
  }

  @Test func refusesValuesOutOfRange() throws {
    let set = try namespace.makeSemaphores([32767])
    #expect(failure { () throws(IPCError) in try set.release() }?.errno == .outOfRange)
    #expect(failure { () throws(IPCError) in try set.release(0, by: 32768) }?.errno == .outOfRange)
    #expect(failure { () throws(IPCError) in try set.acquire(0, by: .max) }?.errno == .outOfRange)
    #expect(try set.value() == 32767)
    try set.acquire(0, by: 32767)
    #expect(try set.value() == 0)
  }

  @Test(arguments: [1, 65535, 65536, 65537, -1, Int.max, Int.min])
  func namesTheSemaphoreThatIsNot(number: Int) throws {
    let set = try namespace.makeSemaphores([1])
    let error = failure { () throws(IPCError) in try set.acquire(number) }
    #expect(error == IPCError(.acquire, semaphore(number, set), .noSuchSemaphore))
    #expect(failure { () throws(IPCError) in try set[number].release() }?.errno == .noSuchSemaphore)
    #expect(try set.value() == 1)
  }

  @Test func performsAllOrNothing() throws {
    let set = try namespace.makeSemaphores([1, 0, 0])
    try set.perform([.acquire(0), .release(1, by: 2), .waitForZero(2)])
    #expect(try set.values() == [0, 2, 0])
    #expect(try !set.tryPerform([.release(2), .acquire(0)]))
    let late = failure { () throws(IPCError) in
      try set.perform([.release(2), .acquire(0)], undo: .atExit, timeout: .milliseconds(1))
    }
    #expect(late == IPCError(.perform, object(set), .wouldBlock))
    let refused = failure { () throws(IPCError) in
      try set.perform([.release(2), .acquire(0).withoutWaiting])
    }
    #expect(refused?.errno == .wouldBlock)
    let range = failure { () throws(IPCError) in
      try set.perform([.acquire(1), .release(2, by: 32767), .release(2)])
    }
    #expect(range?.errno == .outOfRange)
    #expect(try set.values() == [0, 2, 0])
    #expect(try set.tryPerform([.release(2), .acquire(2), .release(0)]))
    #expect(try set.values() == [1, 2, 0])
  }

  @Test func performsOnInlineArrays() throws {
    let set = try namespace.makeSemaphores([1, 0])
    let operations: [2 of SemaphoreOperation] = [.acquire(0), .release(1)]
    try set.perform(operations.span)
    #expect(try set.values() == [0, 1])
    let error = failure { () throws(IPCError) in
      try set.perform(operations.span, timeout: .zero)
    }
    #expect(error?.errno == .wouldBlock)
  }

  @Test(arguments: [1, 8, 9, 500]) func performsAnyNumber(count: Int) throws {
    let set = try namespace.makeSemaphores([0])
    try set.perform(Array(repeating: .release(0), count: count))
    #expect(try set.value() == count)
  }

  @Test func refusesTooManyAndNone() throws {
    let set = try namespace.makeSemaphores([0])
    let many = Array(repeating: SemaphoreOperation.release(0), count: 501)
    #expect(failure { () throws(IPCError) in try set.perform(many) }?.errno == .tooManyOperations)
    #expect(failure { () throws(IPCError) in try set.perform([]) }?.errno == .invalid)
    #expect(try set.value() == 0)
  }

  @Test func takesUndoFromTheCallOrTheOperation() throws {
    let set = try namespace.makeSemaphores([5, 5, 5])
    try set.perform([.acquire(0, by: 2).undoneAtExit, .release(1)])
    #expect(try set.inspect().holders == [holder([0: 2])])
    try set.perform([.acquire(1), .release(2, by: 3)], undo: .atExit)
    #expect(try set.inspect().holders == [holder([0: 2, 1: 1, 2: -3])])
    try set.release(0, by: 2, undo: .atExit)
    try set.acquire(1, undo: .atExit, timeout: .zero)
    #expect(try set.inspect().holders == [holder([1: 2, 2: -3])])
  }

  @Test func releasesAfterTheBody() throws {
    struct Stop: Error {}
    let set = try namespace.makeSemaphores([2])
    let inside = try set.withAcquired(0, by: 2) { try set.value() }
    #expect(inside == 0)
    #expect(throws: Stop.self) { try set[0].withAcquired { throw Stop() } }
    #expect(try set.value() == 2)
    #expect(try set.inspect().holders.isEmpty)
  }

  @Test func oneSemaphoreIsAHandleToo() throws {
    let set = try namespace.makeSemaphores([0, 1])
    let one = set[1]
    try one.acquire(by: 1, undo: .never)
    #expect(try one.value == 0)
    try one.waitForZero()
    try one.waitForZero(timeout: .zero)
    #expect(try !one.tryAcquire())
    try one.release(by: 2)
    try one.acquire(by: 2, timeout: .zero)
    try one.setValue(7)
    #expect(try set.values() == [0, 7])
    #expect(failure { () throws(IPCError) in try set[2].setValue(1) }?.errno == .invalid)
  }

  /// As in OmegaIPC.docc.
  @Test func doesWhatTheDocumentationShows() throws {
    let set = try namespace.makeSemaphores([1, 0])
    try set.acquire(0, undo: .atExit)
    try set.perform([.release(0), .release(1, by: 2)], undo: .atExit)
    #expect(try set.values() == [1, 2])
    #expect(try set.inspect().holders == [holder([1: -2])])
  }

  // MARK: Waiting

  @Test func aReleaseLetsGoOn() async throws {
    let set = try namespace.makeSemaphores([0])
    let waiting = Blocking { try set.acquire(0, by: 3) }
    try await eventually { try set.waitingToAcquire() == 1 }
    try set.release(0, by: 2)
    #expect(try set.value() == 2)
    try set.release()
    try waiting.value()
    #expect(try set.value() == 0)
    #expect(try set.waitingToAcquire() == 0)
  }

  @Test func aStepWaitsForAllOfIt() async throws {
    let set = try namespace.makeSemaphores([0, 1])
    let waiting = Blocking {
      try set.perform([.acquire(0), .waitForZero(1), .release(1, by: 9)], timeout: watchdog)
    }
    try await eventually { try set.waitingToAcquire(0) == 1 }
    try set.release(0)
    #expect(try set.waitingForZero(1) == 1)
    #expect(try set.values() == [1, 1])
    try set.acquire(1)
    try waiting.value()
    #expect(try set.values() == [0, 9])
  }

  @Test func aRemovalEndsTheWait() async throws {
    let set = try namespace.makeSemaphores([0])
    let waiting = Blocking { try set.acquire() }
    try await eventually { try set.waitingToAcquire() == 1 }
    try set.remove()
    #expect(throws: IPCError(.acquire, semaphore(0, set), .removed)) { try waiting.value() }
    #expect(failure { () throws(IPCError) in try set.acquire() }?.errno == .invalid)
  }

  @Test func aSignalHandlerEndsTheWait() async throws {
    signal(SIGUSR2) { _ in }
    let set = try namespace.makeSemaphores([0])
    let waiting = Blocking {
      // The pool's threads, from which this one was started, block signals.
      var none = sigset_t()
      sigemptyset(&none)
      pthread_sigmask(SIG_SETMASK, &none, nil)
      try set.acquire()
    }
    try await eventually { try set.waitingToAcquire() == 1 }
    // Once more if the signal came between the call's beginning and its sleep.
    try await eventually {
      pthread_kill(waiting.thread, SIGUSR2)
      return try set.waitingToAcquire() == 0
    }
    #expect(throws: IPCError(.acquire, semaphore(0, set), .interrupted)) { try waiting.value() }
  }

  // MARK: Expected objects

  func semaphore(_ number: Int, _ set: SemaphoreSet) -> IPCError.Object {
    .semaphore(number, identifier: set.identifier, directory: box.directory)
  }

  func object(_ set: SemaphoreSet) -> IPCError.Object {
    .object(.semaphores, identifier: set.identifier, directory: box.directory)
  }

  func holder(_ adjustments: [Int: Int]) -> Holding {
    Holding(process: getpid(), adjustments: adjustments)
  }
}

/// Like `SemaphoreSetDetails.Holder`, made by tests.
struct Holding: Equatable {
  let process: Int32
  let adjustments: [Int: Int]

  static func == (one: SemaphoreSetDetails.Holder, other: Holding) -> Bool {
    one.process == other.process && one.adjustments == other.adjustments
  }
}

func == (some: [SemaphoreSetDetails.Holder], others: [Holding]) -> Bool {
  some.count == others.count && zip(some, others).allSatisfy { $0 == $1 }
}
