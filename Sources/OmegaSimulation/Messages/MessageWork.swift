/// Sending and receiving: each message that was sent is in the queue or was received, once and whole, and
/// the messages of one sender stay in order.
struct MessageWork: RandomWork {
  private struct Message {
    var type: Int
    var byteCount: Int
    var sender: ThreadID
  }

  private let queueBytes: Int
  private var messages: [UInt64: Message] = [:]
  /// Messages that are in the queue, unless a receiver who was killed took them along.
  private var sent: Set<UInt64> = []
  /// Those of senders that were killed in the call.
  private var uncertain: Set<UInt64> = []
  /// Those that were received, were not sent after all, or are lost: they must not come any more.
  private var gone: Set<UInt64> = []
  private var receiversKilled = 0
  private var calls: [ThreadID: Call] = [:]

  init(queueBytes: Int) { self.queueBytes = queueBytes }

  func prepare(_ simulation: Simulation, by thread: ThreadID) {}

  mutating func call(
    _ thread: ThreadID, _ simulation: Simulation, _ random: inout SplitMix
  ) -> Call {
    let flags: Int32 = random.once(in: 4) ? Flag.noWait : 0
    var call: Call
    switch random.below(24) {
    case 0:
      call = simulation.settingQueue(queueBytes: max(8, queueBytes / (1 + random.below(2))))
    case 1...12:
      let number = UInt64(messages.count + 1)
      let message = Message(
        type: [1, 2, 3, 1 << 33][random.below(4)], byteCount: [8, 16, 17, 40][random.below(4)],
        sender: thread)
      messages[number] = message
      call = simulation.sending(
        type: message.type, byteCount: message.byteCount, message: number, flags: flags)
    default:
      let type = [0, 0, 1, 2, 1 << 33, -1, -2, -.max][random.below(8)]
      var flags = flags
      if random.once(in: 4) { flags |= MessageFlag.except }
      if random.once(in: 3) { flags |= MessageFlag.cuts }
      call = simulation.receiving(
        type: type, capacity: [8, 16, 64, 64, 64][random.below(5)], flags: flags)
    }
    calls[thread] = call
    return call
  }

  mutating func ended(_ thread: ThreadID, _ state: SimulatedThread) -> String? {
    guard let call = calls.removeValue(forKey: thread) else { return nil }
    if call.kind == .send {
      // Somebody may have received it already.
      if state.result >= 0 {
        if !gone.contains(call.message) { sent.insert(call.message) }
      } else if !gone.insert(call.message).inserted {
        return "message \(call.message) was received and refused"
      }
    }
    guard call.kind == .receive, state.result >= 0 else { return nil }
    let number = state.received
    guard let message = messages[number] else { return "message \(number) was never sent" }
    if !gone.insert(number).inserted { return "message \(number) came twice, or was refused" }
    sent.remove(number)
    uncertain.remove(number)
    let request = MessageRequest(
      type: call.type, except: call.flags & MessageFlag.except != 0,
      cuts: call.flags & MessageFlag.cuts != 0, capacity: call.byteCount)
    let isCut = message.byteCount > call.byteCount && request.cuts
    if Int(state.receivedType) != message.type || !request.matches(state.receivedType)
      || Int(state.result) != (isCut ? call.byteCount : message.byteCount)
    {
      return "message \(number), \(message), came to \(request) as \(state.result) bytes"
    }
    return nil
  }

  mutating func cutOff(_ thread: ThreadID) {
    guard let call = calls.removeValue(forKey: thread) else { return }
    if call.kind == .receive { receiversKilled += 1 }
    if call.kind == .send && !gone.contains(call.message) { uncertain.insert(call.message) }
  }

  mutating func broken(_ simulation: Simulation) -> String? {
    // Finishes what the dead have left.
    let observer = simulation.startProcess()
    defer { simulation.kill(observer) }
    guard simulation.queueStatus(observer.first) != nil else { return "the status is refused" }
    if let broken = simulation.brokenInvariant() { return "after recovery: \(broken)" }
    guard let queued = simulation.queued else { return "the list of messages leads nowhere" }
    var last: [ThreadID: UInt64] = [:]
    for one in queued {
      guard let message = messages[one.message], one.type == message.type,
        one.byteCount == message.byteCount
      else { return "\(one) was never sent so" }
      if one.message < last[message.sender] ?? 0 { return "\(one) has overtaken another" }
      last[message.sender] = one.message
    }
    let present = Set(queued.map(\.message))
    if present.count != queued.count { return "a message is queued twice" }
    if !present.isSubset(of: sent.union(uncertain)) {
      return "queued, and not sent: \(present.subtracting(sent).subtracting(uncertain))"
    }
    let lost = sent.subtracting(present)
    if lost.count > receiversKilled {
      return "lost: \(lost), \(receiversKilled) receivers were killed"
    }
    gone.formUnion(lost)
    gone.formUnion(uncertain.subtracting(present))
    sent = present
    uncertain = []
    receiversKilled = 0
    return nil
  }

  /// The newcomer receives all that is left, and ends; after him another looks.
  mutating func brokenAtEnd(_ simulation: Simulation, by newcomer: ProcessID) -> String? {
    while case .value = simulation.receive(newcomer.first, flags: Flag.noWait) {
      let number = simulation.received(newcomer.first).message
      if sent.remove(number) == nil { return "message \(number) was left over" }
    }
    if !sent.isEmpty { return "\(sent) are left and do not come" }
    simulation.world.endProcess(newcomer.slot)
    let observer = simulation.startProcess()
    defer { simulation.kill(observer) }
    let status = simulation.queueStatus(observer.first)
    return status?.messages == 0 && status?.bytes == 0 ? nil : "left: \(status as Any)"
  }
}
