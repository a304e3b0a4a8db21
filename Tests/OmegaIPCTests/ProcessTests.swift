import Glibc
import OmegaIPC
import Testing

/// What happens between processes. Children are exit tests: processes of their own.
@Suite(.serialized) struct ProcessTests {
  @Test func undoesAtTheInstantOfDeath() async throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.createSemaphores(key: 1, count: 3)
    try set.setAll([5, 5, 0])
    await #expect(processExitsWith: .signal(SIGKILL)) { [directory = box.directory as String] in
      let set = try Namespace(directory: directory).openSemaphores(key: 1)
      try set.acquire(0, by: 2, undo: .atExit)
      try set.perform([.acquire(1), .release(2, by: 4)], undo: .atExit)
      try set.acquire(1)
      guard try set.values() == [3, 3, 4] else { exit(2) }
      kill(getpid(), SIGKILL)
    }
    #expect(try set.values() == [5, 4, 0])
    #expect(try set.inspect().holders.isEmpty)
    let process = try set.lastProcess(of: 0)
    #expect(process != getpid() && process > 0)
  }

  @Test func keepsWhatIsNotToBeUndone() async throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.createSemaphores(key: 1, count: 1)
    await #expect(processExitsWith: .success) { [directory = box.directory as String] in
      let set = try Namespace(directory: directory).openSemaphores(key: 1)
      try set.release(0, by: 3)
      try set.release(0, by: 4, undo: .atExit)
      exit(try set.value() == 7 ? 0 : 2)
    }
    #expect(try set.value() == 3)
  }

  @Test func aDeathLetsOthersGoOn() async throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.createSemaphores(key: 1, count: 3)
    try set.setAll([1, 0, 0])
    async let child = #expect(processExitsWith: .signal(SIGKILL)) {
      [directory = box.directory as String] in
      let set = try Namespace(directory: directory).openSemaphores(key: 1)
      try set.acquire(0, undo: .atExit)
      try set.release(1)
      try set.acquire(2)  // Until it is killed.
    }
    try await eventually { try set.waitingToAcquire(2) == 1 }
    let details = try set.inspect()
    let process = try #require(details.waiters.first).process
    #expect(process != getpid())
    #expect(details.waiters.map(\.operations) == [[.acquire(2)]])
    #expect(details.holders == [Holding(process: process, adjustments: [0: 1])])
    #expect(details.semaphores.map(\.lastProcess) == [process, process, getpid()])
    #expect(try !set.tryAcquire(0))

    let waiting = Blocking { try set.acquire(0) }
    try await eventually { try set.waitingToAcquire(0) == 1 }
    kill(process, SIGKILL)
    try waiting.value()
    _ = await child
    let after = try set.inspect()
    #expect(after.semaphores.map(\.value) == [0, 1, 0])
    #expect(after.waiters.isEmpty && after.holders.isEmpty)
    #expect(after.semaphores[2].waitingToAcquire == 0)
  }

  @Test func usesTheNamespaceOfTheEnvironment() async throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.createSemaphores(key: 1, count: 1)
    setenv("OMEGA_IPC_NAMESPACE", box.directory, 1)
    await #expect(processExitsWith: .success) { [directory = box.directory as String] in
      // Opened by its path first: it must still be the same namespace, with the same undo records.
      let named = try Namespace(directory: directory)
      let standard = try Namespace.standard
      guard standard == named && standard.directory == directory else { exit(2) }
      try standard.openSemaphores(key: 1).release(0, by: 6)
      exit(0)
    }
    let missing = box.directory + "/missing/namespace"
    setenv("OMEGA_IPC_NAMESPACE", missing, 1)
    await #expect(processExitsWith: .success) { [missing = missing as String] in
      do throws(IPCError) {
        _ = try Namespace.standard
        exit(2)
      } catch {
        guard case .namespace(let directory) = error.object else { exit(3) }
        exit(directory == missing && error.action == .openNamespace ? 0 : 4)
      }
    }
    unsetenv("OMEGA_IPC_NAMESPACE")
    #expect(try set.value() == 6)
  }

  @Test func findsKeysWithoutTheirSet() async throws {
    let box = try PrivateNamespace()
    // Made elsewhere: who has a set mapped does not notice that its file is gone.
    await #expect(processExitsWith: .success) { [directory = box.directory as String] in
      _ = try Namespace(directory: directory).createSemaphores(key: 0x42, count: 1)
      exit(0)
    }
    let name = try #require(try box.namespace.contents().sets.first).fileName
    #expect(unlink(box.directory + "/" + name) == 0)
    #expect(try box.namespace.contents().staleKeys.map(\.key) == [0x42])
    let next = try box.namespace.openOrCreateSemaphores(key: 0x42, count: 1)
    #expect(try box.namespace.contents().staleKeys == [])
    #expect(try next.value() == 0)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func keepsOtherUsersOut() async throws {
    let box = try PrivateNamespace(mode: 0o1777)
    let set = try box.namespace.createSemaphores(key: 1, count: 1, mode: 0o600)
    let open = try box.namespace.createSemaphores(key: 2, count: 1, mode: 0o644)
    let set1 = set.identifier
    await #expect(processExitsWith: .success) {
      [directory = box.directory as String, set1 = set1 as Int32] in
      guard setgid(65534) == 0, setuid(65534) == 0 else { exit(2) }
      let namespace = try Namespace(directory: directory)
      let set = namespace.semaphores(identifier: set1)
      func errno(_ body: () throws(IPCError) -> Void) -> Errno? {
        do throws(IPCError) {
          try body()
          return nil
        } catch {
          return error.errno
        }
      }
      guard errno({ () throws(IPCError) in try set.acquire() }) == .accessDenied else { exit(3) }
      guard errno({ () throws(IPCError) in _ = try set.value() }) == .accessDenied else { exit(4) }
      guard errno({ () throws(IPCError) in try set.remove() }) == .notPermitted else { exit(5) }
      guard errno({ () throws(IPCError) in _ = try set.inspect() }) == .accessDenied else {
        exit(6)
      }
      let open = try namespace.openSemaphores(key: 2)
      guard try open.value() == 0 else { exit(7) }
      guard errno({ () throws(IPCError) in try open.release() }) == .accessDenied else { exit(8) }
      guard errno({ () throws(IPCError) in try open.setPermissions(mode: 0o666) }) == .notPermitted
      else { exit(9) }
      let states = try namespace.contents().sets.map(\.state)
      guard states.count == 2,
        case .inaccessible(1, 0, 0, 0o600, let known?) = states[0],
        known.identifier == set1, known.key == 1, known.owner == 0, known.mode == 0o600,
        case .usable(let status) = states[1], status.key == 2
      else { exit(10) }
      exit(0)
    }
    #expect(try set.value() == 0)
    #expect(try open.value() == 0)
  }
}
