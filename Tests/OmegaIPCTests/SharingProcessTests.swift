import Glibc
import OmegaIPC
import Testing

/// Queues and memory between processes. In the one serialized suite: an exit test keeps a thread of the
/// few that tests run on, so that several at once could wait for each other.
extension ProcessTests {
  @Test func carriesMessagesBetweenProcesses() async throws {
    let box = try PrivateNamespace()
    let queue = try box.namespace.createMessageQueue(key: 1)
    try queue.send(value: 20, type: 1)
    await #expect(processExitsWith: .success) { [directory = box.directory as String] in
      let queue = try Namespace(directory: directory).openMessageQueue(key: 1)
      let question = try queue.receive(Int.self, .type(1)).value
      try queue.send(value: question + 1, type: 2)
      exit(0)
    }
    #expect(try queue.tryReceive(Int.self, .type(2))?.value == 21)
    let status = try queue.status()
    #expect(status.lastSender.map { $0 != getpid() } == true)
    #expect(status.lastReceiver == getpid())
  }

  @Test func aDeadReceiverTakesNothing() async throws {
    let box = try PrivateNamespace()
    let queue = try box.namespace.createMessageQueue(key: 1)
    async let child = #expect(processExitsWith: .signal(SIGKILL)) {
      [directory = box.directory as String] in
      _ = try Namespace(directory: directory).openMessageQueue(key: 1).receive()
    }
    try await eventually { try queue.inspect().receivers.count == 1 }
    let process = try #require(try queue.inspect().receivers.first).process
    #expect(process != getpid())
    kill(process, SIGKILL)
    _ = await child
    try queue.send([7])
    #expect(try queue.inspect().receivers.isEmpty)
    #expect(try queue.tryReceive()?.bytes == [7])
  }

  @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
  func keepsOtherUsersOutOfQueues() async throws {
    let box = try PrivateNamespace(mode: 0o1777)
    let closed = try box.namespace.createMessageQueue(key: 1, mode: 0o600)
    let open = try box.namespace.createMessageQueue(key: 2, mode: 0o644)
    try open.send([5])
    let identifier = closed.identifier
    await #expect(processExitsWith: .success) {
      [directory = box.directory as String, identifier = identifier as Int32] in
      guard setgid(65534) == 0, setuid(65534) == 0 else { exit(2) }
      let namespace = try Namespace(directory: directory)
      func errno(_ body: () throws(IPCError) -> Void) -> Errno? {
        do throws(IPCError) {
          try body()
          return nil
        } catch {
          return error.errno
        }
      }
      let closed = namespace.messageQueue(identifier: identifier)
      guard errno({ () throws(IPCError) in try closed.send([1]) }) == .accessDenied else { exit(3) }
      guard errno({ () throws(IPCError) in _ = try closed.tryReceive() }) == .accessDenied else {
        exit(4)
      }
      guard errno({ () throws(IPCError) in try closed.remove() }) == .notPermitted else { exit(5) }
      let open = try namespace.openMessageQueue(key: 2)
      guard try open.peek()?.bytes == [5] else { exit(6) }
      guard errno({ () throws(IPCError) in try open.send([1]) }) == .accessDenied else { exit(7) }
      guard
        errno({ () throws(IPCError) in try open.setMaximumByteCount(9) }) == .notPermitted
      else { exit(8) }
      let states = try namespace.contents().queues.map(\.state)
      guard states.count == 2, case .inaccessible(0, 0, 0, 0o600, let known?) = states[0],
        known.identifier == identifier, known.key == 1, case .usable(let status) = states[1],
        status.messageCount == 1
      else { exit(9) }
      exit(0)
    }
  }

  @Test func memoryIsSharedAndLeftByTheDead() async throws {
    let box = try PrivateNamespace()
    let segment = try box.namespace.createMemorySegment(key: 1, byteCount: 8)
    let queue = try box.namespace.createMessageQueue(key: 1)
    async let child = #expect(processExitsWith: .signal(SIGKILL)) {
      [directory = box.directory as String] in
      let namespace = try Namespace(directory: directory)
      var memory = try namespace.openMemorySegment(key: 1).attach()
      var span = memory.mutableBytes
      span[2] = 42
      try namespace.openMessageQueue(key: 1).send([])
      while memory.bytes[2] == 42 { pause() }  // Uses it, so that it stays attached.
    }
    let memory = try segment.attachForReading()
    try await eventually { try queue.tryReceive() != nil }
    let before = memory.bytes[2]
    #expect(before == 42)
    let other = try #require(
      try segment.inspect().attachments.first { $0.process != getpid() })
    kill(other.process, SIGKILL)
    _ = await child
    #expect(try segment.inspect().attachments.map(\.process) == [getpid()])
    let after = memory.bytes[2]
    #expect(after == 42)
  }
}
