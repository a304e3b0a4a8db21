/// The owner of a call of several operations. Its compare-and-exchange has no bus lock: another
/// processor can come between its load and its store.
struct SimulatedCallOwner: CallOwner {
  let host: SimulatedHost

  func begin(_ image: Image, _ offset: Int) -> Bool {
    guard host.world.state.threads[host.thread].pendingWord < 0 else { return false }
    image.store32(host.tid | Futex.waiters, offset)
    host.protect(image, offset)
    return true
  }

  func end() {
    host.world.hostPoint(.store, 0)
    host.world.state.threads[host.thread].pendingWord = -1
  }

  func exchange(_ image: Image, _ offset: Int, _ old: UInt64, _ new: UInt64) -> Bool {
    if image.load(offset) != old { return false }
    host.world.state.threads[host.thread].storesTo = offset
    host.world.state.threads[host.thread].storedValue = new
    host.world.before(.store, offset)
    host.world.endInstruction(host.thread)
    return true
  }

  func now() -> Int64 { host.now() }
}

/// The engine's host in a simulation: one simulated thread.
struct SimulatedHost: Host {
  let world: World
  let thread: Int
  let pid: UInt32
  let tid: UInt32
  let startTime: UInt64

  init(_ world: World, thread: Int) {
    self.world = world
    self.thread = thread
    let process = world.state.threads[thread].process
    pid = world.state.processes[process].pid
    startTime = world.state.processes[process].startTime
    tid = world.state.threads[thread].tid
  }

  func now() -> Int64 { 1_000_000 + world.state.nanoseconds / 1_000_000_000 }
  func pause() { world.pointless() }
  /// Nothing: every access to the image is a point already.
  func crashPoint() {}
  /// Spinning would only lengthen the schedules.
  var spinTurns: Int { 0 }

  func enter() -> SectionToken {
    world.state.threads[thread].masked += 1
    return SectionToken(
      signalMask: 0, pending: UInt(bitPattern: world.state.threads[thread].pendingWord))
  }

  func leave(_ token: SectionToken) {
    world.state.threads[thread].pendingWord = Int(bitPattern: token.pending)
    world.state.threads[thread].masked -= 1
  }

  func protect(_ image: Image, _ offset: Int) {
    world.hostPoint(.store, offset)
    if world.state.fault == .forgetsGuardian && offset != Header.lock { return }
    world.state.threads[thread].pendingWord = offset
  }

  func arm(_ image: Image, _ memberOffset: Int) -> Bool {
    world.hostPoint(.store, memberOffset)
    for index in world.state.threads[thread].armed.indices
    where world.state.threads[thread].armed[index] == memberOffset
      || world.state.threads[thread].armed[index] < 0
    {
      world.state.threads[thread].armed[index] = memberOffset
      image.store32(tid | Futex.waiters, memberOffset)
      return true
    }
    return false
  }

  func wake(_ image: Image, _ offset: Int, count: Int) {
    world.hostPoint(.wake, offset)
    let isLock = offset == Header.lock
    if world.state.fault == (isLock ? .losesLockWakes : .losesWakes) { return }
    world.wakeWaiters(offset, count: count)
  }

  func waitForLock(_ image: Image, _ offset: Int, expected: UInt32) -> WakeReason {
    world.hostPoint(.sleep, offset)
    guard image.peek32(offset) == expected else { return .woken }
    world.state.threads[thread].waits[0] = offset
    world.state.threads[thread].waitCount = 1
    return world.park(.waitingForLock)
  }

  func beginSleep(_ image: Image, _ offset: Int) -> SleepState {
    let state = SleepState(
      pending: UInt(bitPattern: world.state.threads[thread].pendingWord))
    image.store32(tid | Futex.waiters, offset)
    protect(image, offset)
    return state
  }

  func endSleep(_ state: SleepState) {
    world.hostPoint(.store, 0)
    world.state.threads[thread].pendingWord = Int(bitPattern: state.pending)
  }

  func waitForOwner(_ turns: Int) {
    // The loop of `SemaphoreSet.sleep` counts its turns over all its sleeps.
    if world.state.threads[thread].masked == 0 { world.state.threads[thread].turns = turns }
    world.pointless()
  }

  var ownerPatience: Int { world.state.ownerPatience }

  func finishInstructions() {
    world.hostPoint(.store, 0)
    if world.state.fault == .waitsForNoInstruction { return }
    for other in world.state.threads.indices where other != thread { world.endInstruction(other) }
  }

  func sleep(
    _ image: Image, _ offset: Int, expected: UInt32, deadline: Deadline, watch given: WatchList,
    _ state: inout SleepState
  ) -> WakeReason {
    var watch = given
    // The loop of `SemaphoreSet.sleep` carries nothing from one turn to the next but what stands here.
    var digest = mix(mix(1, UInt64(offset)), UInt64(expected))
    if world.state.fault == .watchesNobody { watch = WatchList() }
    for index in 0..<watch.count {
      digest = mix(mix(digest, UInt64(watch.offset(index))), UInt64(watch.expected(index)))
    }
    digest = mix(digest, UInt64(world.state.threads[thread].turns))
    world.state.threads[thread].history = mix(digest, watch.isIncomplete ? 1 : 0)
    world.hostPoint(.sleep, offset)

    guard image.peek32(offset) == expected else { return note(.woken) }
    for index in 0..<watch.count
    where image.peek32(watch.offset(index)) != watch.expected(index) {
      return note(.woken)
    }
    if world.state.nanoseconds >= deadline.nanoseconds { return note(.timedOut) }
    precondition(watch.count < world.state.threads[thread].waits.count, "too many words to watch")
    world.state.threads[thread].waits[0] = offset
    for index in 0..<watch.count {
      world.state.threads[thread].waits[index + 1] = watch.offset(index)
    }
    world.state.threads[thread].waitCount = watch.count + 1
    world.state.threads[thread].deadline = deadline.nanoseconds
    world.state.threads[thread].looksAround = watch.isIncomplete
    return note(world.park(.sleeping))
  }

  private func note(_ reason: WakeReason) -> WakeReason {
    let code: UInt64 =
      switch reason {
      case .woken: 1
      case .timedOut: 2
      case .interrupted: 3
      case .lookAround: 4
      }
    world.observe(code)
    return reason
  }

  func threadIsGone(_ tid: UInt32) -> Bool {
    world.hostPoint(.system, 0)
    let gone =
      switch world.state.fault {
      case .trustsTheDead: false
      case .stealsLocks: tid != self.tid
      default: world.threadHasEnded(tid)
      }
    world.observe(gone ? 1 : 0)
    return gone
  }

  func threadExists(_ tid: UInt32) -> Bool {
    world.hostPoint(.system, 0)
    let exists = world.state.fault == .trustsTheDead || !world.threadHasEnded(tid)
    world.observe(exists ? 1 : 0)
    return exists
  }

  func processIsGone(pid: UInt32, startTime: UInt64) -> Bool {
    world.hostPoint(.system, 0)
    let gone =
      world.state.fault == .trustsTheDead
      ? false : world.processHasEnded(pid: pid, startTime: startTime)
    world.observe(gone ? 1 : 0)
    return gone
  }

  func claim(_ image: Image, _ offset: Int, byteCount: Int) -> Bool {
    if world.state.claims < 0 { return true }
    if world.state.claims == 0 { return false }
    world.state.claims -= 1
    return true
  }
}
