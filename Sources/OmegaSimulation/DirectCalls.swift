/// Calls that run to their end, or to their sleep, before anything else happens.
extension Simulation {
  /// What became of a call.
  package enum Outcome: Equatable, Sendable {
    case value(Int)
    case failed(Errno)
    case asleep

    package static var success: Outcome { .value(0) }
  }

  /// Makes the thread begin a call and runs it until it ends or sleeps.
  func call(_ thread: ThreadID, _ call: Call) -> Outcome {
    begin(thread, call)
    world.state.mode = .direct
    world.resume(thread.slot)
    return outcome(thread)
  }

  func begin(_ thread: ThreadID, _ call: Call) {
    precondition(
      world.state.threads[thread.slot].status == .idle, "a thread makes one call at a time")
    world.state.threads[thread.slot].call = call
    world.state.threads[thread.slot].hasResult = false
    world.state.threads[thread.slot].history = 0
    world.state.threads[thread.slot].status = .ready
    world.state.threads[thread.slot].access = .none
  }

  /// The outcome of the thread's last call, after threads that were woken have run.
  package func outcome(_ thread: ThreadID) -> Outcome {
    settle()
    let state = world.state.threads[thread.slot]
    guard state.hasResult else { return .asleep }
    return state.result < 0
      ? .failed(Errno(rawValue: -state.result)) : .value(Int(state.result))
  }

  /// Runs woken threads until each has ended its call or sleeps again.
  package func settle() {
    world.state.mode = .direct
    var turns = 0
    while true {
      let ready = readyThreads.filter { !world.state.threads[$0].isHeld }
      if ready.isEmpty { return }
      for thread in ready { world.resume(thread) }
      turns += 1
      if turns > 2000 {
        world.state.runsForEver = true
        return
      }
    }
  }

  // MARK: The calls

  package func semop(
    _ thread: ThreadID, _ operations: [Operation], timeout: Int64? = nil
  ) -> Outcome {
    call(thread, operate(operations, timeout: timeout))
  }

  func operate(_ operations: [Operation], timeout: Int64? = nil) -> Call {
    Call(
      kind: .operate, first: keep(operations.map(\.bits)), count: operations.count,
      timeout: timeout)
  }

  package func setValue(_ thread: ThreadID, _ semaphore: Int, _ value: Int) -> Outcome {
    call(thread, Call(kind: .setValue, semaphore: semaphore, value: value))
  }

  package func setAll(_ thread: ThreadID, _ values: [Int]) -> Outcome {
    call(thread, Call(kind: .setAll, first: keep(values.map { UInt64($0) }), count: values.count))
  }

  package func getValue(_ thread: ThreadID, _ semaphore: Int = 0) -> Outcome {
    call(thread, Call(kind: .getValue, semaphore: semaphore))
  }

  package func getPid(_ thread: ThreadID, _ semaphore: Int = 0) -> Outcome {
    call(thread, Call(kind: .getPid, semaphore: semaphore))
  }

  package func getAll(_ thread: ThreadID) -> [Int]? {
    call(thread, Call(kind: .getAll)) == .success
      ? Array(output.prefix(layout.semaphoreCount)) : nil
  }

  /// GETNCNT and GETZCNT.
  package func counts(_ thread: ThreadID, _ semaphore: Int = 0) -> [Outcome] {
    [
      call(thread, Call(kind: .countIncrease, semaphore: semaphore)),
      call(thread, Call(kind: .countZero, semaphore: semaphore)),
    ]
  }

  /// What unshare(CLONE_SYSVSEM) does in the set.
  package func leave(_ thread: ThreadID) -> Outcome { call(thread, Call(kind: .leave)) }

  package func remove(_ thread: ThreadID) -> Outcome { call(thread, Call(kind: .remove)) }

  package func setPermissions(_ thread: ThreadID, id: Int, mode: Int) -> Outcome {
    call(thread, Call(kind: .setPermissions, semaphore: mode, value: id))
  }

  /// otime and ctime.
  package func times(_ thread: ThreadID) -> (otime: Int, ctime: Int)? {
    call(thread, Call(kind: .status)) == .success ? (output[0], output[1]) : nil
  }

  package var permissions: Permissions { world.set.permissions }

  // MARK: Time and signals

  /// Lets time pass; sleepers whose deadline it reaches time out.
  package func pass(nanoseconds: Int64) {
    world.state.nanoseconds += nanoseconds
    for thread in world.state.threads.indices
    where world.state.threads[thread].status == .sleeping
      && world.state.threads[thread].deadline <= world.state.nanoseconds
    {
      world.rouse(thread, .timedOut)
    }
    settle()
  }

  /// A signal handler has run on the thread.
  package func interrupt(_ thread: ThreadID) {
    world.rouse(thread.slot, .interrupted)
    settle()
  }

  package func isAsleep(_ thread: ThreadID) -> Bool {
    world.state.threads[thread.slot].status == .sleeping
  }

  package var fault: Fault {
    get { world.state.fault }
    set { world.state.fault = newValue }
  }

  /// Calls of `claim` that still find memory; negative for no limit.
  package var claims: Int {
    get { world.state.claims }
    set { world.state.claims = newValue }
  }
}
