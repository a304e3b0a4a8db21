import Glibc
import OmegaIPC
import Testing

@Suite struct ControlTests {
  let box: PrivateNamespace
  var namespace: Namespace { box.namespace }

  init() throws { box = try PrivateNamespace() }

  @Test func setsValues() throws {
    let set = try namespace.makeSemaphores([1, 2, 3])
    try set.setValue(32767, of: 1)
    #expect(try set.value(of: 1) == 32767)
    try set.setValue(0)
    #expect(try set.values() == [0, 32767, 3])
    try set.setAll([7, 8, 9])
    #expect(try set.values() == [7, 8, 9])
  }

  @Test(arguments: [32768, -1, Int.max, Int.min]) func refusesValuesOutOfRange(value: Int) throws {
    let set = try namespace.makeSemaphores([1, 2])
    let one = failure { () throws(IPCError) in try set.setValue(value, of: 1) }
    let object = IPCError.Object.semaphore(
      1, identifier: set.identifier, directory: box.directory)
    #expect(one == IPCError(.setValue, object, .outOfRange))
    #expect(failure { () throws(IPCError) in try set.setAll([0, value]) }?.errno == .outOfRange)
    #expect(try set.values() == [1, 2])
  }

  @Test func refusesAnotherNumberOfValues() throws {
    let set = try namespace.makeSemaphores([1, 2])
    for values in [[], [3], [3, 4, 5]] {
      #expect(failure { () throws(IPCError) in try set.setAll(values) }?.errno == .invalid)
    }
    #expect(try set.values() == [1, 2])
  }

  @Test func forgetsAdjustmentsOfWhatIsSet() throws {
    let set = try namespace.makeSemaphores([5, 5])
    try set.perform([.acquire(0), .acquire(1)], undo: .atExit)
    try set.setValue(5, of: 0)
    #expect(try set.inspect().holders.map(\.adjustments) == [[1: 1]])
    try set.setAll([1, 1])
    #expect(try set.inspect().holders.isEmpty)
  }

  @Test func knowsWhoChangedItLast() throws {
    let set = try namespace.makeSemaphores([0, 0])
    #expect(try set.lastProcess() == 0)
    try set.release(1)
    #expect(try set.lastProcess(of: 1) == getpid())
    #expect(try set.lastProcess(of: 0) == 0)
  }

  @Test func countsWhoWaits() async throws {
    let set = try namespace.makeSemaphores([0, 1])
    let acquiring = [0, 1].map { _ in Blocking { try set.acquire(0) } }
    let waiting = Blocking { try set.waitForZero(1) }
    try await eventually {
      try set.waitingToAcquire(0) == 2 && set.waitingForZero(1) == 1
    }
    #expect(try set.waitingForZero(0) == 0)
    #expect(try set.waitingToAcquire(1) == 0)
    try set.perform([.release(0, by: 2), .acquire(1)])
    for call in acquiring + [waiting] { try call.value() }
    #expect(try set.waitingToAcquire(0) == 0)
    #expect(try set.waitingForZero(1) == 0)
  }

  @Test(arguments: [1, -1, Int.max, Int.min]) func refusesNumbersThatAreNot(number: Int) throws {
    let set = try namespace.makeSemaphores([1])
    let errors = [
      failure { () throws(IPCError) in _ = try set.value(of: number) },
      failure { () throws(IPCError) in _ = try set[number].value },
      failure { () throws(IPCError) in try set.setValue(0, of: number) },
      failure { () throws(IPCError) in _ = try set.lastProcess(of: number) },
      failure { () throws(IPCError) in _ = try set.waitingToAcquire(number) },
      failure { () throws(IPCError) in _ = try set.waitingForZero(number) },
    ]
    #expect(errors.allSatisfy { $0?.errno == .invalid })
  }

  @Test func tellsItsStatus() throws {
    let before = Int64(time(nil))
    let set = try namespace.createSemaphores(key: 0x77, count: 4, mode: 0o644)
    let status = try set.status()
    #expect(status.identifier == set.identifier)
    #expect(status.key == 0x77)
    #expect(status.owner == geteuid() && status.creator == geteuid())
    #expect(status.group == getegid() && status.creatorGroup == getegid())
    #expect(status.mode == 0o644)
    #expect(status.semaphoreCount == 4)
    #expect(status.lastOperation == nil)
    // The clock of time(2) and the engine's are the same coarse one.
    #expect(status.lastChange >= before && status.lastChange <= Int64(time(nil)))
    try set.release()
    let last = try set.status().lastOperation
    #expect(last.map { $0 >= before && $0 <= Int64(time(nil)) } == true)
  }

  @Test func changesPermissions() throws {
    let set = try namespace.makeSemaphores([1], mode: 0o600)
    try set.setPermissions(mode: 0o666)
    #expect(try set.status().mode == 0o666)
    #expect(try set.status().owner == geteuid())
    try set.setPermissions(owner: geteuid(), group: getegid(), mode: 0o640)
    #expect(try set.status().mode == 0o640)
    let none = failure { () throws(IPCError) in try set.setPermissions(owner: .max) }
    #expect(none?.action == .setPermissions && none?.errno == .invalid)
  }

  @Test func removes() throws {
    let set = try namespace.createSemaphores(key: 0x78, count: 1)
    #expect(box.names.contains("sem.key.00000078"))
    try set.remove()
    #expect(!box.names.contains { $0.hasPrefix("sem.") })
    let contents = try namespace.contents()
    #expect(contents.sets.isEmpty && contents.foreignNames.isEmpty && contents.staleKeys.isEmpty)
    #expect(failure { () throws(IPCError) in try set.remove() }?.errno == .invalid)
  }

  // MARK: Errors

  @Test func errorsSayWhatWhereAndWhy() throws {
    let set = try namespace.makeSemaphores([0])
    let error = failure { () throws(IPCError) in try set.acquire(3) }
    #expect(
      error?.description
        == "cannot acquire semaphore 3 of set \(set.identifier) in \(box.directory): "
        + "the set has fewer semaphores; use numbers from 0 to its count minus 1 (EFBIG)")
    #expect(Errno(rawValue: 99).description == "errno 99")
  }

  @Test(arguments: [
    Errno.notPermitted, .noEntry, .interrupted, .tooManyOperations, .noMemory, .accessDenied,
    .exists, .invalid, .noSuchSemaphore, .noSpace, .outOfRange, .removed,
  ])
  func everyErrorHasAWayOut(errno: Errno) {
    let error = IPCError(.open, .key(1, of: .semaphores, directory: "/d"), errno)
    #expect(error.description.contains("; "))
    #expect(error.description.contains("/d"))
    #expect(error.description.hasSuffix("(\(errno))"))
    #expect(!errno.description.hasPrefix("errno"))
  }
}
