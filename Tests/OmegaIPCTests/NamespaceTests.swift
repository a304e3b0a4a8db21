import Glibc
import OmegaIPC
import Testing

@Suite struct NamespaceTests {
  @Test func makesItsDirectory() throws {
    let parent = try makeDirectory()
    defer { removeDirectory(parent) }
    let directory = parent + "/new"
    defer { removeDirectory(directory) }
    let namespace = try Namespace(directory: directory)
    var status = stat()
    #expect(stat(directory, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o700)
    #expect(namespace.directory == directory)
    #expect(namespace.description == directory)
  }

  @Test func isOpenedOnce() throws {
    let box = try PrivateNamespace()
    #expect(try Namespace(directory: box.directory) == box.namespace)
    #expect(try Namespace(directory: box.directory + "/.") == box.namespace)
    let set = try box.namespace.makeSemaphores([4])
    let again = try Namespace(directory: box.directory).semaphores(identifier: set.identifier)
    #expect(again == set)
    #expect(try again.value() == 4)
    #expect(try PrivateNamespace().namespace != box.namespace)
  }

  @Test func isOpenedAnewWhenTheDirectoryIs() throws {
    let directory = try makeDirectory()
    defer { removeDirectory(directory) }
    let old = try Namespace(directory: directory)
    let set = try old.makeSemaphores([1])
    removeDirectory(directory)
    let new = try Namespace(directory: directory)
    #expect(new != old)
    #expect(try new.contents().sets.isEmpty)
    let stale = new.semaphores(identifier: set.identifier)
    #expect(failure { () throws(IPCError) in _ = try stale.value() }?.errno == .invalid)
  }

  @Test func refusesDirectoriesThatOthersMayChange() throws {
    let directory = try makeDirectory()
    defer { removeDirectory(directory) }
    chmod(directory, 0o777)
    let error = failure { () throws(IPCError) in _ = try Namespace(directory: directory) }
    #expect(error == IPCError(.openNamespace, .namespace(directory: directory), .accessDenied))
    let text = String(describing: error)
    #expect(text.contains(directory) && text.contains("1777") && text.contains("EACCES"))
    #expect(namesIn(directory).isEmpty)
    chmod(directory, 0o1777)
    _ = try Namespace(directory: directory)
  }

  @Test func refusesWhatIsNoDirectory() throws {
    let box = try PrivateNamespace()
    try write("text", to: box.directory + "/file")
    symlink(box.directory, box.directory + "/link")
    for name in ["file", "link"] {
      let path = box.directory + "/" + name
      let error = failure { () throws(IPCError) in _ = try Namespace(directory: path) }
      #expect(error == IPCError(.openNamespace, .namespace(directory: path), .accessDenied))
    }
  }

  @Test func readsItsLimits() throws {
    let box = try PrivateNamespace(limits: "10 30 5 2\n")
    let limits = box.namespace.limits
    #expect(limits.semaphoresPerSet == 10)
    #expect(limits.semaphores == 30)
    #expect(limits.operationsPerCall == 5)
    #expect(limits.sets == 2)
    #expect(limits.value == 32767)
    let set = try box.namespace.makeSemaphores([0])
    let six = Array(repeating: SemaphoreOperation.release(0), count: 6)
    #expect(failure { () throws(IPCError) in try set.perform(six) }?.errno == .tooManyOperations)
    let eleven = Array(repeating: 0, count: 11)
    let tooLarge = failure { () throws(IPCError) in _ = try box.namespace.makeSemaphores(eleven) }
    #expect(tooLarge?.errno == .invalid)
    _ = try box.namespace.makeSemaphores([0])
    let full = failure { () throws(IPCError) in _ = try box.namespace.makeSemaphores([0]) }
    #expect(full == IPCError(.create, .new(.semaphores, directory: box.directory), .noSpace))
    try set.remove()
    _ = try box.namespace.makeSemaphores([0])
  }

  @Test func knowsItsRoom() throws {
    let box = try PrivateNamespace()
    let space = try box.namespace.space()
    var status = statvfs()
    #expect(statvfs(box.directory, &status) == 0)
    #expect(space.byteCount == UInt64(status.f_blocks) * UInt64(status.f_frsize))
    #expect(space.availableByteCount > 0 && space.availableByteCount <= space.byteCount)
    #expect(space.isInMemory)
  }

  // MARK: Making and finding sets

  @Test func makesSetsWithValues() throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.makeSemaphores([1, 0, 32767], mode: 0o640)
    #expect(try set.values() == [1, 0, 32767])
    #expect(try set.semaphoreCount() == 3)
    #expect(try set.status().mode == 0o640)
    #expect(try set.status().key == nil)
    let other = try box.namespace.makeSemaphores([0])
    #expect(other.identifier != set.identifier)
  }

  @Test func refusesBadValuesAndLeavesNothing() throws {
    let box = try PrivateNamespace()
    for values in [[32768], [0, -1], [Int.max], [Int.min]] {
      let error = failure { () throws(IPCError) in _ = try box.namespace.makeSemaphores(values) }
      #expect(error?.action == .setAll)
      #expect(error?.errno == .outOfRange)
    }
    let none = failure { () throws(IPCError) in _ = try box.namespace.makeSemaphores([]) }
    #expect(none == IPCError(.create, .new(.semaphores, directory: box.directory), .invalid))
    #expect(try box.namespace.contents().sets.isEmpty)
  }

  @Test func findsSetsByTheirKey() throws {
    let box = try PrivateNamespace()
    let key: Key = 0x5100_0001
    let missing = failure { () throws(IPCError) in _ = try box.namespace.openSemaphores(key: key) }
    #expect(
      missing == IPCError(.open, .key(key, of: .semaphores, directory: box.directory), .noEntry))
    let set = try box.namespace.createSemaphores(key: key, count: 3)
    #expect(try box.namespace.openSemaphores(key: key) == set)
    #expect(try box.namespace.openSemaphores(key: key, count: 3) == set)
    #expect(try box.namespace.openOrCreateSemaphores(key: key, count: 2) == set)
    #expect(try set.status().key == key)
    #expect(try set.values() == [0, 0, 0])
    let larger = failure { () throws(IPCError) in
      _ = try box.namespace.openOrCreateSemaphores(key: key, count: 4)
    }
    #expect(
      larger
        == IPCError(.openOrCreate, .key(key, of: .semaphores, directory: box.directory), .invalid))
    let twice = failure { () throws(IPCError) in
      _ = try box.namespace.createSemaphores(key: key, count: 1)
    }
    #expect(
      twice == IPCError(.create, .key(key, of: .semaphores, directory: box.directory), .exists))
    try set.remove()
    let next = try box.namespace.openOrCreateSemaphores(key: key, count: 1)
    #expect(next.identifier != set.identifier)
  }

  @Test(arguments: [0, -1, 32001, Int.max, Int.min]) func refusesBadCounts(count: Int) throws {
    let box = try PrivateNamespace()
    let error = failure { () throws(IPCError) in
      _ = try box.namespace.createSemaphores(key: 7, count: count)
    }
    #expect(error?.errno == .invalid)
  }

  @Test func refusesTheKeyZero() throws {
    let box = try PrivateNamespace()
    let errors = [
      failure { () throws(IPCError) in _ = try box.namespace.openSemaphores(key: 0) },
      failure { () throws(IPCError) in _ = try box.namespace.createSemaphores(key: 0, count: 1) },
      failure { () throws(IPCError) in
        _ = try box.namespace.openOrCreateSemaphores(key: 0, count: 1)
      },
    ]
    #expect(errors.allSatisfy { $0?.errno == .invalid })
    #expect(try box.namespace.contents().sets.isEmpty)
  }

  @Test(arguments: [0, 1, 32768, -1, Int32.max, Int32.min])
  func callsOnUnknownIdentifiersSayWhich(identifier: Int32) throws {
    let box = try PrivateNamespace()
    let set = box.namespace.semaphores(identifier: identifier)
    let whole = IPCError.Object.object(
      .semaphores, identifier: identifier, directory: box.directory)
    let one = IPCError.Object.semaphore(0, identifier: identifier, directory: box.directory)
    let errors: [(IPCError?, IPCError.Action, IPCError.Object)] = [
      (failure { () throws(IPCError) in try set.acquire() }, .acquire, one),
      (failure { () throws(IPCError) in try set.release() }, .release, one),
      (failure { () throws(IPCError) in try set.waitForZero() }, .waitForZero, one),
      (failure { () throws(IPCError) in _ = try set.isZero() }, .waitForZero, one),
      (failure { () throws(IPCError) in try set.perform([.release()]) }, .perform, whole),
      (failure { () throws(IPCError) in _ = try set.value() }, .read, one),
      (failure { () throws(IPCError) in try set.setValue(1) }, .setValue, one),
      (failure { () throws(IPCError) in _ = try set.values() }, .read, whole),
      (failure { () throws(IPCError) in try set.setAll([1]) }, .setAll, whole),
      (failure { () throws(IPCError) in _ = try set.lastProcess() }, .read, one),
      (failure { () throws(IPCError) in _ = try set.waitingToAcquire() }, .read, one),
      (failure { () throws(IPCError) in _ = try set.waitingForZero() }, .read, one),
      (failure { () throws(IPCError) in _ = try set.semaphoreCount() }, .read, whole),
      (failure { () throws(IPCError) in _ = try set.status() }, .read, whole),
      (failure { () throws(IPCError) in _ = try set.inspect() }, .inspect, whole),
      (
        failure { () throws(IPCError) in try set.setPermissions(mode: 0) }, .setPermissions, whole
      ),
      (
        failure { () throws(IPCError) in try set.setPermissions(owner: 1, group: 1, mode: 0) },
        .setPermissions, whole
      ),
      (failure { () throws(IPCError) in try set.remove() }, .remove, whole),
    ]
    for (error, action, object) in errors { #expect(error == IPCError(action, object, .invalid)) }
  }
}
