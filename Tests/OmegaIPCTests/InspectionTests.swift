import Glibc
import OmegaIPC
import Testing

@Suite struct InspectionTests {
  let box: PrivateNamespace
  var namespace: Namespace { box.namespace }

  init() throws { box = try PrivateNamespace() }

  @Test func showsWhoWaitsOnWhat() async throws {
    let set = try namespace.makeSemaphores([0, 2, 1])
    let before = Int64(time(nil))
    let first: [SemaphoreOperation] = [
      .release(0), .acquire(0, by: 2).undoneAtExit, .waitForZero(2),
    ]
    let one = Blocking { try set.perform(first) }
    try await eventually { try set.waitingToAcquire(0) == 1 }
    let two = Blocking { try set.waitForZero(1) }
    try await eventually { try set.waitingForZero(1) == 1 }
    let details = try set.inspect()

    #expect(details.semaphores.map(\.value) == [0, 2, 1])
    #expect(details.semaphores.map(\.waitingToAcquire) == [1, 0, 0])
    #expect(details.semaphores.map(\.waitingForZero) == [0, 1, 0])
    #expect(details.status == (try set.status()))
    #expect(details.waiters.map(\.operations) == [first, [.waitForZero(1)]])
    #expect(details.waiters.map(\.process) == [getpid(), getpid()])
    #expect(details.waiters.map(\.blockedIndex) == [1, 0])
    #expect(details.waiters.first?.blocked == .acquire(0, by: 2).undoneAtExit)
    let threads = details.waiters.map(\.thread)
    #expect(Set(threads).count == 2 && !threads.contains(getpid()))
    for waiter in details.waiters {
      #expect(waiter.since >= before && waiter.since <= Int64(time(nil)))
    }
    #expect(details.holders.isEmpty)

    try set.release(0)  // It goes on to its third operation.
    #expect(try set.inspect().waiters.first?.blockedIndex == 2)
    try set.perform([.acquire(2), .acquire(1, by: 2)])
    try one.value()
    try two.value()
    let after = try set.inspect()
    #expect(after.waiters.isEmpty)
    #expect(after.semaphores.map(\.value) == [0, 0, 0])
    #expect(after.semaphores.map(\.lastProcess) == [getpid(), getpid(), getpid()])
    #expect(after.holders.map(\.adjustments) == [[0: 2]])
  }

  @Test func showsLongCalls() async throws {
    let set = try namespace.makeSemaphores([0, 1])
    let long = Array(repeating: SemaphoreOperation.release(0), count: 30) + [.waitForZero(1)]
    let call = Blocking { try set.perform(long) }
    try await eventually { try set.waitingForZero(1) == 1 }
    let waiter = try #require(try set.inspect().waiters.first)
    #expect(waiter.operations == long)
    #expect(waiter.blockedIndex == 30)
    try set.acquire(1)
    try call.value()
    #expect(try set.values() == [30, 0])
  }

  @Test func listsSetsByIndex() throws {
    let some = try [1, 2, 3].map { key in
      try namespace.createSemaphores(key: Key(rawValue: key), count: 2)
    }
    let contents = try namespace.contents()
    #expect(contents.sets.map(\.state) == (try some.map { .usable(try $0.status()) }))
    #expect(contents.sets.map(\.index) == some.map { Int($0.identifier & 0x7FFF) })
    for entry in contents.sets { #expect(box.names.contains(entry.fileName)) }
    #expect(contents.foreignNames.isEmpty && contents.staleKeys.isEmpty)
  }

  @Test func namesWhatIsNoSet() throws {
    let good = try namespace.makeSemaphores([5])
    let path = box.directory + "/"
    for name in ["notes", "sem.1", "sem.000012", "sem.key.51", "sem.key.5100000G", "sem.99999"] {
      try write("x", to: path + name)
    }
    mkdir(path + "sem.00100", 0o700)
    symlink("/etc/passwd", path + "sem.00101")
    try write("no image, but longer than one word", to: path + "sem.00102")
    try write("", to: path + "sem.00103")
    let original = path + fileName(good)
    try copy(original, to: path + "sem.00104")  // Says another identifier than its name does.
    try copy(original, to: path + "sem.00105")
    truncate(path + "sem.00105", 4096)
    try copy(original, to: path + "sem.00106")
    try patch(path + "sem.00106", offset: 8, word: 7)
    try copy(original, to: path + "sem.00107")
    try patch(path + "sem.00107", offset: 16, word: 2)
    try copy(original, to: path + "sem.00108")
    try patch(path + "sem.00108", offset: 24, word: 108)
    try patch(path + "sem.00108", offset: 40, word: 0x1FF)

    let contents = try namespace.contents()
    #expect(
      contents.foreignNames.sorted()
        == ["notes", "sem.000012", "sem.1", "sem.99999", "sem.key.51", "sem.key.5100000G"])
    let reasons = contents.sets.map { entry in
      if case .damaged(let reason) = entry.state { "\(entry.index) \(reason)" } else { "usable" }
    }
    #expect(
      reasons == [
        "usable",
        "100 not a regular file",
        "101 not a regular file",
        "102 not the image of a semaphore set",
        "103 0 bytes is not the size of a set: truncated?",
        "104 its header says identifier \(good.identifier)",
        "105 4096 bytes is not the size of a set: truncated?",
        "106 version 7 of the image, and this program knows 2",
        "107 its header says 2 semaphores, its size does not",
        "108 its header has an unknown state, 255",
      ])
    #expect(try good.value() == 5)
  }

  @Test func failsWhenTheDirectoryIsGone() throws {
    let box = try PrivateNamespace()
    removeDirectory(box.directory)
    let error = failure { () throws(IPCError) in _ = try box.namespace.contents() }
    #expect(error == IPCError(.listNamespace, .namespace(directory: box.directory), .noEntry))
    #expect(failure { () throws(IPCError) in _ = try box.namespace.space() }?.errno == .noEntry)
  }

  private func fileName(_ set: SemaphoreSet) -> String {
    let digits = String(set.identifier & 0x7FFF)
    return "sem." + String(repeating: "0", count: 5 - digits.count) + digits
  }

  /// Copies the first 64 KB and the length.
  private func copy(_ from: String, to: String) throws {
    let (old, new) = (open(from, O_RDONLY), open(to, O_RDWR | O_CREAT | O_EXCL, 0o600))
    defer {
      close(old)
      close(new)
    }
    var bytes = [UInt8](repeating: 0, count: 65536)
    var status = stat()
    guard old >= 0 && new >= 0, read(old, &bytes, bytes.count) == bytes.count,
      write(new, bytes, bytes.count) == bytes.count, fstat(old, &status) == 0,
      ftruncate(new, status.st_size) == 0
    else { throw SystemCallFailed(call: "copy") }
  }

  private func patch(_ path: String, offset: off_t, word: UInt64) throws {
    let file = open(path, O_RDWR)
    defer { close(file) }
    var word = word
    guard pwrite(file, &word, 8, offset) == 8 else { throw SystemCallFailed(call: "pwrite") }
  }
}
