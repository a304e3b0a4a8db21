/// What a simulated thread does with a call on a queue: the steps of the Linux layer (MessageFast.swift,
/// MessageSlow.swift), without its spinning.
extension World {
  func performQueue(
    _ call: Call, _ thread: Int, _ host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch call.kind {
    case .send:
      return try send(call, thread, host)
    case .receive:
      let byteCount = try receive(call, thread, host)
      // Of what was received after all: `take` may have seen others before.
      if state.threads[thread].receivedTorn { state.tornMessages += 1 }
      return byteCount
    case .peek:
      try authorize(state.threads[thread].process, Permissions.read)
      var byteCount = 0
      try queue.peek(host, position: call.type, request: call.request) {
        byteCount = take(thread, $0, $1)
      }
      return Int32(byteCount)
    case .setQueue:
      let id = UInt32(call.value)
      try queue.setQueue(
        host, uid: id, gid: id, mode: UInt32(call.semaphore), queueBytes: UInt64(call.type))
    case .remove:
      try queue.remove(host) {}
    case .status:
      let status = try queue.status(host)
      let words = [
        Int64(status.messages), Int64(status.bytes), Int64(status.lastSender),
        Int64(status.lastReceiver), status.stime, status.rtime, status.ctime,
        Int64(status.queueBytes),
      ]
      for (index, word) in words.enumerated() { output(Int(word), index) }
    default:
      throw .invalid
    }
    return 0
  }

  // MARK: Sending

  private func send(_ call: Call, _ thread: Int, _ host: SimulatedHost) throws(Errno) -> Int32 {
    if let result = fastSend(call, thread, host) { return try result.get() }
    while true {
      do throws(Errno) {
        try sendOnce(call, thread, host)
        return 0
      } catch  where error == .restart {
        continue
      }
    }
  }

  private func sendOnce(_ call: Call, _ thread: Int, _ host: SimulatedHost) throws(Errno) {
    let process = state.threads[thread].process
    try authorize(process, Permissions.alter)
    try claimForQueue(process, host)
    if call.mayWait && fastSend(call, thread, host) == .done(0) { return }
    let outcome = try queue.send(
      host, member: state.processes[process].member, type: call.type, size: call.byteCount,
      patience: call.mayWait ? .mayWait : .none
    ) { $0.fill(message: call.message) }
    if case .asleep(let slot) = outcome { try sleep(host, slot: slot) { () throws(Errno) in } }
  }

  private func fastSend(_ call: Call, _ thread: Int, _ host: SimulatedHost) -> FastEnd? {
    let process = state.threads[thread].process
    guard beginFast(process, Permissions.alter) else { return nil }
    defer { state.processes[process].undoBusy = false }
    let caller = SimulatedFastCaller(host: host)
    let member = state.processes[process].member
    for _ in 0..<3 {
      let result = queue.fastSend(
        caller, member: member, pid: host.pid, time: host.now(),
        state: state.processes[process].authorized, type: call.type, size: call.byteCount,
        popsAhead: state.processes[process].popsAhead
      ) { $0.fill(message: call.message) }
      switch result {
      case .done: return .done(0)
      case .blocked: return call.mayWait ? nil : .failed(.again)
      case .lacksStock:
        state.processes[process].popsAhead = true
        guard restock(caller, member, call.byteCount) else { return nil }
      case .tooBig, .slow: return nil
      }
    }
    return nil
  }

  private func restock(_ caller: SimulatedFastCaller, _ member: Int, _ size: Int) -> Bool {
    if queue.fastStock(caller, member: member, size: size) { return true }
    do throws(Errno) {
      try queue.stock(caller.host, member: member, size: size)
      return true
    } catch {
      return false
    }
  }

  // MARK: Receiving

  private func receive(_ call: Call, _ thread: Int, _ host: SimulatedHost) throws(Errno) -> Int32 {
    if let result = fastReceive(call, thread, host) { return try result.get() }
    while true {
      do throws(Errno) {
        return try receiveOnce(call, thread, host)
      } catch  where error == .restart {
        continue
      }
    }
  }

  private func receiveOnce(
    _ call: Call, _ thread: Int, _ host: SimulatedHost
  ) throws(Errno) -> Int32 {
    let process = state.threads[thread].process
    try authorize(process, Permissions.read)
    try claimForQueue(process, host)
    if call.mayWait, case .done(let byteCount) = fastReceive(call, thread, host) {
      return byteCount
    }
    var byteCount = 0
    let outcome = try queue.receive(
      host, member: state.processes[process].member, request: call.request,
      patience: call.mayWait ? .mayWait : .none
    ) { byteCount = take(thread, $0, $1) }
    if case .asleep(let slot) = outcome {
      let queue = queue
      try sleep(host, slot: slot) { () throws(Errno) in
        try queue.collect(slot: slot, request: call.request) { byteCount = take(thread, $0, $1) }
      }
    }
    return Int32(byteCount)
  }

  private func fastReceive(_ call: Call, _ thread: Int, _ host: SimulatedHost) -> FastEnd? {
    let process = state.threads[thread].process
    guard beginFast(process, Permissions.read) else { return nil }
    defer { state.processes[process].undoBusy = false }
    state.processes[process].popsAhead = false
    var byteCount = 0
    let result = queue.fastReceive(
      SimulatedFastCaller(host: host), member: state.processes[process].member, pid: host.pid,
      time: host.now(), state: state.processes[process].authorized, request: call.request
    ) { byteCount = take(thread, $0, $1) }
    switch result {
    case .done: return .done(Int32(byteCount))
    case .blocked: return call.mayWait ? nil : .failed(.noMessage)
    case .tooBig: return .failed(.argumentListTooLong)
    case .lacksStock, .slow: return nil
    }
  }

  /// Notes a received message; returns its bytes.
  private func take(_ thread: Int, _ type: Int64, _ bytes: ImageBytes) -> Int {
    let message = bytes.message
    state.threads[thread].received = message.number
    state.threads[thread].receivedTorn = !message.isWhole
    state.threads[thread].receivedType = type
    observe(message.number)
    observe(UInt64(bitPattern: type))
    return bytes.byteCount
  }

  // MARK: What both do

  private func beginFast(_ process: Int, _ right: UInt32) -> Bool {
    observe(process)
    guard state.processes[process].authorized == queue.stateWord,
      state.processes[process].granted & right != 0, state.processes[process].member >= 0,
      queue.isArmed(state.processes[process].member)
    else { return false }
    // Another thread of the process may have run since.
    observe(process)
    if state.processes[process].undoBusy { return false }
    state.processes[process].undoBusy = true
    return true
  }

  /// As Authorization.swift does it; every process is alone in its group.
  private func authorize(_ process: Int, _ wanted: UInt32) throws(Errno) {
    observe(process)
    let word = queue.stateWord
    if state.processes[process].authorized != word {
      let uid = state.processes[process].uid
      state.processes[process].granted = queue.permissions.granted(
        euid: uid, capability: uid == 0 ? .held : .missing
      ) { $0 == uid }
      // Of a removed queue only its lock's owner knows whether it stays removed.
      if ObjectState.of(word) == ObjectState.live { state.processes[process].authorized = word }
    }
    if state.processes[process].granted & wanted != wanted { throw .accessDenied }
  }

  private func claimForQueue(_ process: Int, _ host: SimulatedHost) throws(Errno) {
    observe(process)
    let known = state.processes[process].member
    if known >= 0 && queue.isArmed(known) { return }
    state.processes[process].member = try queue.claimMember(host, known: known, undo: .sleeping)
  }

  private func sleep(
    _ host: SimulatedHost, slot: Int, _ collect: () throws(Errno) -> Void
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

/// How a fast call ended that was decided there.
private enum FastEnd: Equatable {
  case done(Int32)
  case failed(Errno)

  func get() throws(Errno) -> Int32 {
    switch self {
    case .done(let value): return value
    case .failed(let errno): throw errno
    }
  }
}

extension Call {
  fileprivate var mayWait: Bool { flags & Flag.noWait == 0 }

  fileprivate var request: MessageRequest {
    MessageRequest(
      type: type, except: flags & MessageFlag.except != 0, cuts: flags & MessageFlag.cuts != 0,
      capacity: byteCount)
  }
}

/// Flags of msgrcv (`<sys/msg.h>`).
package enum MessageFlag {
  package static var cuts: Int32 { 0o10000 }  // MSG_NOERROR
  package static var except: Int32 { 0o20000 }  // MSG_EXCEPT
}

/// The caller of a queue's fast calls: one simulated thread.
struct SimulatedFastCaller: FastCaller {
  let host: SimulatedHost
  var tid: UInt32 { host.tid }

  func begin(_ image: Image, _ offset: Int) -> Bool {
    guard host.world.state.threads[host.thread].pendingWord < 0 else { return false }
    host.protect(image, offset)
    return true
  }

  func end() {
    host.world.hostPoint(.store, 0)
    host.world.state.threads[host.thread].pendingWord = -1
  }

  func wake(_ image: Image, _ offset: Int) { host.wake(image, offset, count: 1) }
  func pause() { host.pause() }
  // Both are about caches, which a simulation has not.
  var isStreaming: Bool { false }
  func expect(_ image: Image, _ offset: Int) {}
}
