/// What a simulated thread does with a call: the steps of the Linux layer (SemaphoreOperation.swift,
/// SemaphoreControl.swift), without permissions and without user memory.
extension World {
  /// The body of every fiber: call after call, for ever.
  func runThread() -> Never {
    while true {
      let thread = state.current
      let result = perform(state.threads[thread].call, thread)
      state.threads[thread].result = result
      state.threads[thread].hasResult = true
      state.threads[thread].results = mix(
        state.threads[thread].results, UInt64(bitPattern: Int64(result)))
      noteReceipt(thread, result)
      if result >= 0 && state.threads[thread].position > 0 {
        state.threads[thread].succeeded |= 1 << UInt64(state.threads[thread].position - 1)
      }
      if !nextOfProgram(thread) {
        state.threads[thread].status = .idle
        yield()
      }
      state.threads[thread].history = 0
      state.threads[thread].turns = 0
    }
  }

  private func noteReceipt(_ thread: Int, _ result: Int32) {
    guard state.threads[thread].call.kind == .receive, result >= 0 else { return }
    let message = state.threads[thread].received
    state.threads[thread].results = mix(state.threads[thread].results, message)
    let position = state.threads[thread].position - 1
    if position >= 0 && position < state.threads[thread].receipts.count {
      state.threads[thread].receipts[position] = message
    }
  }

  func perform(_ call: Call, _ thread: Int) -> Int32 {
    let host = SimulatedHost(self, thread: thread)
    do throws(Errno) {
      return try perform(call, thread, host)
    } catch {
      return -error.rawValue
    }
  }

  private func perform(
    _ call: Call, _ thread: Int, _ host: SimulatedHost
  ) throws(Errno) -> Int32 {
    if case .queue = shape { return try performQueue(call, thread, host) }
    let set = set
    switch call.kind {
    case .operate:
      try operate(call, thread, host)
    case .leave:
      let process = state.threads[thread].process
      let member = state.processes[process].member
      if member < 0 { return 0 }
      try set.leaveMember(host)
      state.processes[process].hasRecord = false
    case .setValue:
      try set.setValue(host, semaphore: call.semaphore, value: call.value)
    case .setAll:
      try set.setAll(host) { Int(stored(call.first + $0)) }
    case .getValue:
      return Int32(try read(call, thread, host).value)
    case .getPid:
      return Int32(try read(call, thread, host).pid)
    case .getAll:
      try set.snapshot(host) { set in
        for index in 0..<layout.semaphoreCount { output(set.word(index).value, index) }
      }
    case .countIncrease:
      return Int32(try set.sleeperCounts(host, semaphore: call.semaphore).increase)
    case .countZero:
      return Int32(try set.sleeperCounts(host, semaphore: call.semaphore).zero)
    case .remove:
      try set.remove(host) {}
    case .setPermissions:
      let id = UInt32(call.value)
      try set.setPermissions(host, uid: id, gid: id, mode: UInt32(call.semaphore))
    case .status:
      let status = try set.status(host)
      output(Int(status.otime), 0)
      output(Int(status.ctime), 1)
    case .send, .receive, .peek, .setQueue:
      throw .invalid
    }
    return 0
  }

  private func read(
    _ call: Call, _ thread: Int, _ host: SimulatedHost
  ) throws(Errno) -> SemaphoreWord {
    let member = state.processes[state.threads[thread].process].member
    if let word = set.fastRead(semaphore: call.semaphore, member: member) { return word }
    return try set.settledRead(host, semaphore: call.semaphore)
  }

  fileprivate func operation(_ call: Call, _ index: Int) -> Operation {
    Operation(bits: stored(call.first + index))
  }

  private func operate(_ call: Call, _ thread: Int, _ host: SimulatedHost) throws(Errno) {
    let process = state.threads[thread].process
    if call.count == 1 && call.timeout == nil,
      let result = fast(operation(call, 0), process, host)
    {
      if result != .success { throw result }
      return
    }
    if call.count >= 2 && call.count <= 8 && call.timeout == nil && fastMany(call, process, host) {
      return
    }
    var undo = false
    for index in 0..<call.count {
      let operation = operation(call, index)
      undo = undo || operation.usesUndo
    }
    if undo { try claim(process, host, .undo) }
    for index in 0..<call.count
    where operation(call, index).semaphore >= layout.semaphoreCount {
      throw .fileTooLarge
    }
    if call.count == 1, let result = fast(operation(call, 0), process, host) {
      if result != .success { throw result }
      return
    }
    let mayWait = call.timeout != 0
    if mayWait { try claim(process, host, .sleeping) }
    var until = Deadline.never
    if let timeout = call.timeout { until.nanoseconds = state.nanoseconds + timeout }
    let outcome = try set.operate(
      host, count: call.count, member: state.processes[process].member,
      patience: mayWait ? .mayWait : .none
    ) { operation(call, $0) }
    if case .asleep(let slot) = outcome { try set.sleep(host, slot: slot, deadline: until) }
  }

  /// The lock-free path, as SemaphoreOperation.swift takes it; nil when it is not decided there.
  private func fast(_ operation: Operation, _ process: Int, _ host: SimulatedHost) -> Errno? {
    let semaphore = operation.semaphore
    guard ObjectState.of(set.stateWord) == ObjectState.live, semaphore < layout.semaphoreCount
    else {
      return nil
    }
    observe(process)
    let member = state.processes[process].member
    let cell = layout.cell(semaphore)
    var result: FastResult
    if operation.usesUndo {
      guard operation.amount != 0, member >= 0 && state.processes[process].hasRecord,
        set.isArmed(member), !state.processes[process].undoBusy
      else { return nil }
      // SAFETY: simulated images check every offset.
      result = unsafe SemaphoreSet.tryOperateUndo(
        image, cell: cell, amount: operation.amount, pid: host.pid, member: member)
      if result == .slow {
        state.processes[process].undoBusy = true
        result = set.fastOperateUndo(
          semaphore: semaphore, amount: operation.amount, pid: host.pid, member: member)
        state.processes[process].undoBusy = false
      }
    } else {
      // SAFETY: as above.
      result = unsafe SemaphoreSet.tryOperate(
        image, cell: cell, amount: operation.amount, pid: host.pid)
      if result == .slow {
        result = set.contendedOperate(
          semaphore: semaphore, amount: operation.amount, pid: host.pid, member: member)
      }
    }
    if result == .done {
      // SAFETY: as above.
      unsafe SemaphoreSet.noteTime(image, cell: cell, host.now())
    }
    switch result {
    case .done: return .success
    case .outOfRange: return .outOfRange
    case .blocked: return operation.refusesToWait ? .again : nil
    case .slow: return nil
    }
  }

  /// Several operations without the lock; false when the lock's owner must decide.
  private func fastMany(_ call: Call, _ process: Int, _ host: SimulatedHost) -> Bool {
    observe(process)
    let member = state.processes[process].member
    guard ObjectState.of(set.stateWord) == ObjectState.live, member >= 0, set.isArmed(member) else {
      return false
    }
    if state.processes[process].undoBusy { return false }
    state.processes[process].undoBusy = true
    let caller = SeveralCaller(
      image: image, descriptor: layout.descriptor(member), semaphoreCount: layout.semaphoreCount,
      pid: host.pid, tid: host.tid, member: member,
      granted: Permissions.read | Permissions.alter,
      record: state.processes[process].hasRecord ? 1 : 0)
    // SAFETY: simulated images check every offset.
    let result = unsafe SemaphoreSet.tryOperateMany(
      SimulatedCallOwner(host: host), caller, count: call.count,
      SimulatedList(world: self, call: call))
    state.processes[process].undoBusy = false
    return result == .done
  }

  /// What a thread reads of its process's handle, which other threads of it may change.
  func observe(_ process: Int) {
    let handle = state.processes[process]
    observe(
      UInt64(handle.member + 1) << 2 | (handle.hasRecord ? 2 : 0) | (handle.undoBusy ? 1 : 0))
    observe(handle.authorized << 8 | UInt64(handle.granted) << 1 | (handle.popsAhead ? 1 : 0))
  }

  /// The process's member slot, as Authorization.swift claims it.
  private func claim(_ process: Int, _ host: SimulatedHost, _ use: MemberUse) throws(Errno) {
    observe(process)
    let known = state.processes[process].member
    if known >= 0 && set.isArmed(known) && (use == .sleeping || state.processes[process].hasRecord)
    {
      return
    }
    let slot = try set.claimMember(host, known: known, undo: use)
    state.processes[process].member = slot
    if use == .undo { state.processes[process].hasRecord = true }
  }
}

private struct SimulatedList: OperationList {
  let world: World
  let call: Call

  func operation(_ index: Int) -> Operation { world.operation(call, index) }
}
