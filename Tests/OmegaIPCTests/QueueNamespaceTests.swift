import Glibc
import OmegaIPC
import Testing

/// Message queues in their namespace: keys, limits, lists.
@Suite struct QueueNamespaceTests {
  let box: PrivateNamespace
  var namespace: Namespace { box.namespace }

  init() throws { box = try PrivateNamespace() }

  @Test func findsQueuesByKey() throws {
    let key = Key(rawValue: 0x1234)
    let missing = failure { () throws(IPCError) in _ = try namespace.openMessageQueue(key: key) }
    #expect(
      missing == IPCError(.open, .key(key, of: .messageQueue, directory: box.directory), .noEntry))
    let queue = try namespace.createMessageQueue(key: key)
    #expect(try namespace.openMessageQueue(key: key) == queue)
    #expect(try namespace.openOrCreateMessageQueue(key: key) == queue)
    let twice = failure { () throws(IPCError) in _ = try namespace.createMessageQueue(key: key) }
    #expect(twice?.errno == .exists)
    let none = failure { () throws(IPCError) in _ = try namespace.createMessageQueue(key: 0) }
    #expect(none?.errno == .invalid)
    // A set with the same key and the same identifier has nothing to do with it.
    let set = try namespace.createSemaphores(key: key, count: 1)
    #expect(set.identifier == queue.identifier)
    try queue.remove()
    #expect(try namespace.openSemaphores(key: key) == set)
  }

  @Test func keepsToLimits() throws {
    let box = try PrivateNamespace(limits: "10 30 5 2 100 150 2 4096 8 3\n")
    let limits = box.namespace.limits
    #expect(limits.messageBytes == 100 && limits.queueBytes == 150 && limits.queues == 2)
    #expect(limits.segmentBytes == 4096 && limits.segmentPages == 8 && limits.segments == 3)
    let queue = try box.namespace.makeMessageQueue()
    try queue.send([UInt8](repeating: 0, count: 100))
    #expect(
      failure { () throws(IPCError) in try queue.send([UInt8](repeating: 0, count: 101)) }?.errno
        == .invalid)
    #expect(try !queue.trySend([UInt8](repeating: 0, count: 51)))
    _ = try box.namespace.makeMessageQueue()
    let third = failure { () throws(IPCError) in _ = try box.namespace.makeMessageQueue() }
    #expect(third == IPCError(.create, .new(.messageQueue, directory: box.directory), .noSpace))
  }

  @Test func countsWhatIsInUse() throws {
    #expect(namespace.usage().queues == 0 && namespace.usage().sets == 0)
    let queue = try namespace.makeMessageQueue()
    _ = try namespace.makeMessageQueue()
    _ = try namespace.makeSemaphores([1, 2, 3])
    try queue.send([1, 2])
    try queue.send([3])
    let usage = namespace.usage()
    #expect(usage.sets == 1 && usage.semaphores == 3)
    #expect(usage.queues == 2 && usage.messages == 2 && usage.messageBytes == 3)
  }

  @Test func listsQueuesByIndex() throws {
    let some = try [1, 2, 3].map { try namespace.createMessageQueue(key: Key(rawValue: $0)) }
    _ = try namespace.makeSemaphores([0])
    let contents = try namespace.contents()
    #expect(contents.queues.map(\.state) == (try some.map { .usable(try $0.status()) }))
    #expect(contents.queues.map(\.index) == some.map { Int($0.identifier & 0x7FFF) })
    #expect(contents.queues.allSatisfy { $0.kind == .messageQueue })
    for entry in contents.queues { #expect(box.names.contains(entry.fileName)) }
    #expect(contents.sets.count == 1)
    #expect(contents.foreignNames.isEmpty && contents.staleKeys.isEmpty)
  }

  @Test func namesWhatIsNoQueue() throws {
    let path = box.directory + "/"
    mkdir(path + "msg.00100", 0o700)
    try write("no image, but longer than one word", to: path + "msg.00101")
    try write("", to: path + "msg.00102")
    symlink("5.1", path + "msg.key.00000007")
    let contents = try namespace.contents()
    let reasons = contents.queues.map { entry in
      if case .damaged(let reason) = entry.state { "\(entry.index) \(reason)" } else { "usable" }
    }
    #expect(
      reasons == [
        "100 not a regular file",
        "101 not the image of a message queue",
        "102 0 bytes is not the size of a queue: truncated?",
      ])
    #expect(contents.staleKeys == [Namespace.StaleKey(messageQueue: 7)])
  }
}

extension Namespace.StaleKey {
  fileprivate init(messageQueue: Int32) {
    self.init(kind: .messageQueue, key: Key(rawValue: messageQueue))
  }
}
