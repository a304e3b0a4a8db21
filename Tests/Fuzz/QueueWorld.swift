/// Calls on a queue: as the Linux layer makes them, without memory of a program.
final class QueueWorld: FuzzWorld {
  let queue: MessageQueue

  init(_ queue: MessageQueue, _ input: FuzzInput) {
    self.queue = queue
    super.init(queue.image, input)
  }

  override func act(besides sleeper: Int) {
    let choice = input.byte()
    var index = choice >> 6 % processes.count
    if index == sleeper { index = (index + 1) % processes.count }
    let host = FuzzHost(self, index)
    do throws(Errno) {
      switch choice & 0x1F {
      case 0...3: image.store(value(), offset())
      case 4, 5:
        scribbleAfter = input.byte()
        scribble = (offset(), value())
      case 6: kill(index)
      case 7: seconds += 1
      case 8: _ = try queue.status(host)
      case 9: _ = try queue.inspect(host, message: { _, _ in }, sleeper: { _ in })
      case 10:
        let bytes = [0, 8, 1000, 100_000][input.byte() & 3]
        try queue.setQueue(host, uid: 1, gid: 2, mode: 0o600, queueBytes: UInt64(bytes))
      case 11: if input.byte() & 3 == 0 { try queue.remove(host) {} }
      case 12: try queue.peek(host, position: Int64(input.byte()), request: request()) { touch($1) }
      case 13...21: try send(host)
      default: try receive(host)
      }
    } catch {
      // Any error is right for a damaged image.
    }
  }

  override func offset() -> Int {
    let choice = input.byte()
    let slot = choice >> 4
    let field = 8 * (input.byte() & 31)
    switch choice & 0xF {
    case 0...4: return field + 8 * (choice & 32)
    case 5: return queueLayout.frame.journal + 16 * slot + field % 64
    case 6: return queueLayout.frame.member(slot) + field % 64
    case 7...8: return queueLayout.stock(slot & 3) + field
    case 9: return queueLayout.stock(slot & 3) + field + 384
    case 10, 11: return queueLayout.frame.waiter(slot) + field
    case 12...14: return queueLayout.cell(slot) + field
    default: return Int(input.number(4)) & ~7
    }
  }
}

extension QueueWorld {
  private func type() -> Int64 {
    let what = input.byte()
    return what < 240 ? Int64(what & 15) + 1 : Int64(input.number(8) >> 1) | 1
  }

  private func size() -> Int { [0, 1, 8, 17, 100, 200, 900, 4000][input.byte() & 7] }

  private func request() -> MessageRequest {
    let what = input.byte()
    let type = what & 3 == 0 ? 0 : what & 3 == 1 ? -type() : type()
    return MessageRequest(
      type: type, except: what & 4 != 0, cuts: what & 8 != 0, capacity: size())
  }

  /// Reads all bytes that a call gives out; the sum keeps the compiler from leaving that out.
  private func touch(_ bytes: ImageBytes) {
    var sum = 0
    for index in 0..<bytes.byteCount {
      sum &+= Int(bytes.address.load(fromByteOffset: index, as: UInt8.self))
    }
    turns += sum == .max ? 1 : 0
  }

  private func fill(_ bytes: ImageBytes) {
    for index in 0..<bytes.byteCount {
      bytes.address.storeBytes(of: 7, toByteOffset: index, as: UInt8.self)
    }
  }

  fileprivate func send(_ host: FuzzHost) throws(Errno) {
    let (type, size) = (type(), size())
    let flags = input.byte()
    if fastSend(host, type, size, popsAhead: flags & 2 != 0) { return }
    let mayWait = flags & 1 != 0
    try claim(host)
    let outcome = try queue.send(
      host, member: processes[host.index].member, type: type, size: size,
      patience: mayWait ? .mayWait : .none
    ) { fill($0) }
    if case .asleep(let slot) = outcome { try sleep(host, slot) { () throws(Errno) in } }
  }

  fileprivate func receive(_ host: FuzzHost) throws(Errno) {
    let request = request()
    let mayWait = input.byte() & 1 != 0
    if mayBeFast(host) {
      processes[host.index].isBusy = true
      defer { processes[host.index].isBusy = false }
      let result = queue.fastReceive(
        FuzzFastCaller(host: host), member: processes[host.index].member, pid: host.pid,
        time: seconds, state: queue.stateWord, request: request
      ) { touch($1) }
      if result == .done || result == .tooBig || result == .blocked && !mayWait { return }
    }
    try claim(host)
    let outcome = try queue.receive(
      host, member: processes[host.index].member, request: request,
      patience: mayWait ? .mayWait : .none
    ) { touch($1) }
    if case .asleep(let slot) = outcome {
      try sleep(host, slot) { () throws(Errno) in
        try queue.collect(slot: slot, request: request) { touch($1) }
      }
    }
  }

  private func fastSend(
    _ host: FuzzHost, _ type: Int64, _ size: Int, popsAhead: Bool
  ) -> Bool {
    guard mayBeFast(host) else { return false }
    processes[host.index].isBusy = true
    defer { processes[host.index].isBusy = false }
    let caller = FuzzFastCaller(host: host)
    let member = processes[host.index].member
    for _ in 0..<3 {
      let result = queue.fastSend(
        caller, member: member, pid: host.pid, time: seconds, state: queue.stateWord, type: type,
        size: size, popsAhead: popsAhead
      ) { fill($0) }
      if result == .done { return true }
      if result != .lacksStock { return false }
      if queue.fastStock(caller, member: member, size: size) { continue }
      if (try? queue.stock(host, member: member, size: size)) == nil { return false }
    }
    return false
  }

  private func mayBeFast(_ host: FuzzHost) -> Bool {
    let process = processes[host.index]
    return process.member >= 0 && !process.isBusy && queue.isArmed(process.member)
      && ObjectState.of(queue.stateWord) == ObjectState.live
  }

  private func claim(_ host: FuzzHost) throws(Errno) {
    let known = processes[host.index].member
    if known >= 0 && queue.isArmed(known) { return }
    processes[host.index].member = try queue.claimMember(host, known: known, undo: .sleeping)
  }

  private func sleep(
    _ host: FuzzHost, _ slot: Int, _ collect: () throws(Errno) -> Void
  ) throws(Errno) {
    var isFinished = false
    var failure: Errno?
    do throws(Errno) {
      try queue.sleep(host, slot: slot, deadline: .never) { isFinished = true }
      try collect()
    } catch {
      failure = error
    }
    if isFinished { try? queue.release(host, slot: slot) }
    if let failure { throw failure }
  }
}

struct FuzzFastCaller: FastCaller {
  let host: FuzzHost
  var tid: UInt32 { host.tid }

  func begin(_ image: Image, _ offset: Int) -> Bool {
    host.world.step()
    return true
  }

  func end() { host.world.step() }
  func wake(_ image: Image, _ offset: Int) { host.world.step() }
  func pause() { host.world.turn() }
  var isStreaming: Bool { false }
  func expect(_ image: Image, _ offset: Int) {}
}
