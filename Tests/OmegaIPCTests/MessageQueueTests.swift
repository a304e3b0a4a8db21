import Glibc
import OmegaIPC
import Testing

@Suite struct MessageQueueTests {
  let box: PrivateNamespace
  let queue: MessageQueue
  var namespace: Namespace { box.namespace }

  init() throws {
    box = try PrivateNamespace()
    queue = try box.namespace.makeMessageQueue()
  }

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  // MARK: Bytes

  @Test func keepsOrderAndBytes() throws {
    let texts = [
      "first", "", "third, and longer than the others", String(repeating: "x", count: 8192),
    ]
    for (index, text) in texts.enumerated() { try queue.send(bytes(text), type: index + 1) }
    for (index, text) in texts.enumerated() {
      let message = try queue.receive()
      #expect(message.type == index + 1)
      #expect(message.bytes == bytes(text))
    }
    #expect(try queue.tryReceive() == nil)
  }

  @Test func selectsByType() throws {
    for (type, text) in [(5, "a"), (3, "b"), (5, "c"), (3, "d"), (9, "e")] {
      try queue.send(bytes(text), type: type)
    }
    func next(_ selection: MessageSelection) throws -> String? {
      try queue.tryReceive(selection).map {
        "\($0.type)" + String(decoding: $0.bytes, as: UTF8.self)
      }
    }
    #expect(try next(.type(4)) == nil)
    #expect(try next(.lowest(upTo: 2)) == nil)
    #expect(try next(.type(3)) == "3b")
    #expect(try next(.except(5)) == "3d")
    #expect(try next(.lowest(upTo: .max)) == "5a")
    #expect(try next(.except(5)) == "9e")
    #expect(try next(.lowest(upTo: 5)) == "5c")
    #expect(try next(.first) == nil)
  }

  @Test func receivesIntoMemory() throws {
    try queue.send(bytes("hello"), type: 2)
    try queue.send(bytes("0123456789"), type: 4)
    var memory = [UInt8](repeating: 46, count: 8)
    var span = memory.mutableSpan
    let header = try queue.receive(into: &span)
    #expect(header.type == 2 && header.byteCount == 5)
    let tooLong = failure { () throws(IPCError) in
      var span = memory.mutableSpan
      _ = try queue.receive(.type(4), into: &span)
    }
    #expect(tooLong?.errno == .tooLong && tooLong?.action == .receive)
    #expect(tooLong?.description.contains("still there") == true)
    #expect(String(decoding: memory, as: UTF8.self) == "hello...")
    var again = memory.mutableSpan
    let cut = try queue.tryReceive(.type(4), into: &again, longer: .cut)
    #expect(cut?.type == 4 && cut?.byteCount == 8)
    var empty = memory.mutableSpan
    #expect(try queue.tryReceive(into: &empty) == nil)
    #expect(String(decoding: memory, as: UTF8.self) == "01234567")
  }

  @Test func cutsOrRefusesWhatIsLonger() throws {
    try queue.send(bytes("long"), type: 6)
    let refused = failure { () throws(IPCError) in _ = try queue.receive(atMost: 3) }
    #expect(refused?.errno == .tooLong)
    #expect(try queue.status().messageCount == 1)
    #expect(try queue.receive(atMost: 3, longer: .cut).bytes == bytes("lon"))
    try queue.send([], type: 1)
    #expect(try queue.tryReceive(atMost: 0)?.bytes == [])
  }

  @Test func peeksWithoutTaking() throws {
    for text in ["zero", "one", "two"] { try queue.send(bytes(text), type: 7) }
    let before = try queue.status()
    #expect(try queue.peek()?.bytes == bytes("zero"))
    #expect(try queue.peek(at: 2)?.bytes == bytes("two"))
    #expect(try queue.peek(at: 3) == nil)
    let refused = failure { () throws(IPCError) in _ = try queue.peek(atMost: 3) }
    #expect(refused?.errno == .tooLong && refused?.action == .peek)
    #expect(try queue.status() == before)
  }

  // MARK: Values

  private struct Job: Equatable {
    var number: UInt32
    var weight: Double
    var place: SIMD4<Int16>
  }

  @Test func carriesPlainValues() throws {
    let job = Job(number: 77, weight: 0.25, place: [1, -2, 3, -4])
    try queue.send(value: job, type: 3)
    #expect(try queue.trySend(value: UInt64(5), type: 8))
    let received = try queue.receive(Job.self, .type(3))
    #expect(received.value == job && received.type == 3)
    let number = try queue.tryReceive(UInt64.self)
    #expect(number?.value == 5 && number?.type == 8)
    #expect(try queue.tryReceive(UInt64.self) == nil)
  }

  @Test func refusesValuesOfAnotherSize() throws {
    try queue.send([1, 2, 3, 4, 5], type: 1)
    let longer = failure { () throws(IPCError) in _ = try queue.receive(UInt32.self) }
    #expect(longer?.errno == .tooLong)
    #expect(try queue.status().messageCount == 1)
    let shorter = failure { () throws(IPCError) in _ = try queue.receive(UInt64.self) }
    #expect(shorter?.errno == .badMessage)
    #expect(try queue.status().messageCount == 0)
  }

  // MARK: Waiting

  @Test func waitsForAMessage() async throws {
    let queue = queue
    let call = Blocking { try queue.receive(.type(2)) }
    try await eventually { try queue.inspect().receivers.count == 1 }
    try queue.send(bytes("not this"), type: 1)
    try queue.send(bytes("this"), type: 2)
    #expect(try call.value() == Message(type: 2, bytes: bytes("this")))
    #expect(try queue.status().messageCount == 1)
  }

  @Test func waitsForRoom() async throws {
    let queue = queue
    try queue.setMaximumByteCount(100)
    try queue.send([UInt8](repeating: 1, count: 90))
    #expect(try !queue.trySend([UInt8](repeating: 2, count: 11)))
    #expect(try queue.trySend([UInt8](repeating: 2, count: 5)))
    let call = Blocking { try queue.send(value: (1, 2), type: 4) }
    try await eventually { try queue.inspect().senders.count == 1 }
    #expect(try queue.receive().bytes.count == 90)
    try call.value()
    #expect(try queue.inspect().messages.map(\.byteCount) == [5, 16])
  }

  @Test func moreRoomLetsSendersGoOn() async throws {
    let queue = queue
    try queue.setMaximumByteCount(10)
    let call = Blocking { try queue.send([UInt8](repeating: 3, count: 40)) }
    try await eventually { try queue.inspect().senders.count == 1 }
    try queue.setMaximumByteCount(40)
    try call.value()
    #expect(try queue.receive().bytes.count == 40)
  }

  @Test func removalWakesAll() async throws {
    let queue = queue
    try queue.setMaximumByteCount(3)
    let calls = [
      Blocking { _ = try queue.receive(.type(9)) }, Blocking { try queue.send([1, 2, 3, 4]) },
    ]
    try await eventually {
      let details = try queue.inspect()
      return details.senders.count == 1 && details.receivers.count == 1
    }
    try queue.remove()
    for call in calls {
      #expect { try call.value() } throws: { ($0 as? IPCError)?.errno == .removed }
    }
    let gone = failure { () throws(IPCError) in try queue.send([]) }
    #expect(gone?.errno == .invalid)
  }

  // MARK: Control

  @Test func tellsItsStatus() throws {
    let before = Int64(time(nil))
    let queue = try namespace.createMessageQueue(key: 0x77, mode: 0o640)
    var status = try queue.status()
    #expect(status.identifier == queue.identifier && status.key == 0x77)
    #expect(status.owner == geteuid() && status.creatorGroup == getegid() && status.mode == 0o640)
    #expect(status.messageCount == 0 && status.byteCount == 0)
    #expect(status.maximumByteCount == namespace.limits.queueBytes)
    #expect(status.lastSender == nil && status.lastReceiver == nil)
    #expect(status.lastSend == nil && status.lastReceive == nil)
    // The clock of time(2) and the engine's are the same coarse one.
    #expect(status.lastChange >= before && status.lastChange <= Int64(time(nil)))
    try queue.send([1, 2, 3])
    try queue.send([4])
    _ = try queue.receive()
    status = try queue.status()
    #expect(status.messageCount == 1 && status.byteCount == 1)
    #expect(status.lastSender == getpid() && status.lastReceiver == getpid())
    #expect(status.lastSend.map { $0 >= before } == true)
    #expect(status.lastReceive.map { $0 >= before } == true)
  }

  @Test func changesOwnerModeAndMaximum() throws {
    try queue.setPermissions(mode: 0o666)
    try queue.setMaximumByteCount(123)
    var status = try queue.status()
    #expect(status.mode == 0o666 && status.owner == geteuid() && status.maximumByteCount == 123)
    try queue.setPermissions(owner: geteuid(), group: getegid(), mode: 0o600)
    status = try queue.status()
    #expect(status.mode == 0o600 && status.maximumByteCount == 123)
    for wrong in [-1, Int(Int32.max) + 1] {
      let error = failure { () throws(IPCError) in try queue.setMaximumByteCount(wrong) }
      #expect(error?.errno == .invalid && error?.action == .setMaximum)
    }
    #expect(try queue.status().maximumByteCount == 123)
  }

  @Test func showsEverythingAtOneInstant() async throws {
    let (queue, full) = (queue, try namespace.makeMessageQueue())
    let before = Int64(time(nil))
    try full.setMaximumByteCount(20)
    try full.send([UInt8](repeating: 0, count: 12), type: 4)
    try full.send([1], type: 2)
    let wishes: [MessageSelection] = [.first, .type(3), .except(5), .lowest(upTo: 6)]
    var calls: [Blocking<Void>] = []
    for (index, wish) in wishes.enumerated() {
      calls.append(Blocking { _ = try queue.receive(wish, atMost: index + 1) })
      try await eventually { try queue.inspect().receivers.count == index + 1 }
    }
    calls.append(Blocking { try full.send([UInt8](repeating: 0, count: 15), type: 9) })
    try await eventually { try full.inspect().senders.count == 1 }
    let details = try queue.inspect()
    #expect(details.messages.isEmpty && details.senders.isEmpty)
    #expect(details.receivers.map(\.selection) == wishes)
    #expect(details.receivers.map(\.byteCount) == [1, 2, 3, 4])
    #expect(details.receivers.allSatisfy { $0.process == getpid() && $0.since >= before })
    #expect(Set(details.receivers.map(\.thread)).count == 4)
    #expect(details.status == (try queue.status()))
    let other = try full.inspect()
    #expect(other.messages.map(\.type) == [4, 2] && other.messages.map(\.byteCount) == [12, 1])
    #expect(other.receivers.isEmpty)
    let sender = try #require(other.senders.first)
    #expect(sender.message.type == 9 && sender.message.byteCount == 15)
    #expect(sender.process == getpid())
    try queue.remove()
    try full.remove()
    for call in calls { #expect(throws: IPCError.self) { try call.value() } }
  }

  // MARK: Bad input

  @Test(arguments: [0, -1, Int.min]) func refusesTypesThatAreNone(type: Int) throws {
    try queue.send([1], type: 1)
    let errors = [
      failure { () throws(IPCError) in try queue.send([1], type: type) },
      failure { () throws(IPCError) in _ = try queue.trySend(value: 1, type: type) },
      failure { () throws(IPCError) in _ = try queue.tryReceive(.type(type)) },
      failure { () throws(IPCError) in _ = try queue.tryReceive(.except(type)) },
      failure { () throws(IPCError) in _ = try queue.tryReceive(.lowest(upTo: type)) },
      failure { () throws(IPCError) in _ = try queue.tryReceive(Int.self, .type(type)) },
    ]
    #expect(errors.allSatisfy { $0?.errno == .invalid })
    #expect(try queue.status().messageCount == 1)
  }

  @Test func refusesSizesThatAreNone() throws {
    let long = [UInt8](repeating: 0, count: namespace.limits.messageBytes + 1)
    #expect(failure { () throws(IPCError) in try queue.send(long) }?.errno == .invalid)
    let negative = failure { () throws(IPCError) in _ = try queue.receive(atMost: -1) }
    #expect(negative?.errno == .invalid)
    let peeked = failure { () throws(IPCError) in _ = try queue.peek(atMost: -1) }
    #expect(peeked?.errno == .invalid)
    #expect(try queue.peek(at: -1) == nil)
  }

  @Test(arguments: [0, 32768, -1, Int32.max, Int32.min])
  func callsOnUnknownIdentifiersSayWhich(identifier: Int32) throws {
    let box = try PrivateNamespace()
    let queue = box.namespace.messageQueue(identifier: identifier)
    let object = IPCError.Object.object(
      .messageQueue, identifier: identifier, directory: box.directory)
    let errors: [(IPCError?, IPCError.Action)] = [
      (failure { () throws(IPCError) in try queue.send([1]) }, .send),
      (failure { () throws(IPCError) in _ = try queue.trySend([1]) }, .send),
      (failure { () throws(IPCError) in _ = try queue.receive() }, .receive),
      (failure { () throws(IPCError) in _ = try queue.tryReceive() }, .receive),
      (failure { () throws(IPCError) in _ = try queue.peek() }, .peek),
      (failure { () throws(IPCError) in _ = try queue.status() }, .read),
      (failure { () throws(IPCError) in _ = try queue.inspect() }, .inspect),
      (failure { () throws(IPCError) in try queue.setPermissions(mode: 0) }, .setPermissions),
      (failure { () throws(IPCError) in try queue.setMaximumByteCount(1) }, .setMaximum),
      (failure { () throws(IPCError) in try queue.remove() }, .remove),
    ]
    for (error, action) in errors {
      #expect(error == IPCError(action, object, .invalid))
      #expect(error?.description.contains("message queue \(identifier) in ") == true)
    }
  }

  @Test(arguments: [Errno.noMessage, .badMessage, .tooLong]) func namesErrors(errno: Errno) {
    #expect(!errno.description.hasPrefix("errno"))
    let error = IPCError(.receive, .new(.messageQueue, directory: "/d"), errno)
    #expect(error.description.contains("; ") && error.description.contains("queue in /d"))
  }
}
