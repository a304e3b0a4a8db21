import Foundation
import Testing

@testable import OmegaSimulation

/// Seeds of the random tests: OMEGA_SEED replays one, OMEGA_TEST_LONG=1 runs many.
enum Seeds {
  static var isLong: Bool { ProcessInfo.processInfo.environment["OMEGA_TEST_LONG"] == "1" }

  static func range(_ count: Int, long: Int) -> ClosedRange<UInt64> {
    if let text = ProcessInfo.processInfo.environment["OMEGA_SEED"], let seed = UInt64(text) {
      return seed...seed
    }
    return 1...UInt64(isLong ? long : count)
  }
}

@Suite struct RandomTests {
  @Test("random calls, one at a time: every result and every word as in the reference model")
  func model() {
    for seed in Seeds.range(300, long: 20_000) {
      var run = ModelRun(seed: seed)
      if let difference = run.run() {
        Issue.record("OMEGA_SEED=\(seed): \(difference)")
        return
      }
    }
  }

  @Test(
    "random switches and deaths: no token lost, no sleeper forgotten, no slot lost",
    arguments: [1, 2])
  func schedules(threads: Int) {
    var totals = (points: 0, kills: 0, rests: 0, lockWaits: 0, insured: 0)
    for seed in Seeds.range(400, long: 20_000) {
      var options = RandomSchedule.Options()
      options.threadsPerProcess = threads
      options.semaphores = 1 + Int(seed % 3)
      options.meanRun = [1, 4, 20, 100][Int(seed / 3 % 4)]
      options.kills = Int(seed % 7)
      options.isImpatient = seed % 2 == 0
      var schedule = RandomSchedule(seed: seed, options)
      let report = schedule.run()
      if let violation = report.violation {
        Issue.record("OMEGA_SEED=\(seed), \(threads) threads: \(violation)")
        return
      }
      totals.points += report.points
      totals.kills += report.kills
      totals.rests += report.quiescent
      totals.lockWaits += report.boundedLockWaits
      totals.insured += report.insured
    }
    print(
      "schedules with \(threads) threads a process: \(totals.points) points, \(totals.kills) kills, "
        + "\(totals.rests) checks, \(totals.lockWaits) waits for the lock ended by time, "
        + "\(totals.insured) wake-ups by the insurance")
  }
}

/// One random run against the model.
struct ModelRun {
  private let simulation = Simulation(semaphores: 3)
  private var random: SplitMix
  private var model: Model
  private var processes: [ProcessID] = []
  /// Threads by caller number, with the process they belong to.
  private var callers: [(thread: ThreadID, process: Int)] = []
  private let observer: ProcessID

  init(seed: UInt64) {
    random = SplitMix(seed: seed)
    observer = simulation.startProcess()
    let values = (0..<3).map { _ in [0, 1, 2, 32766][min(Int(seed % 5), 3)] }
    _ = simulation.setAll(observer.first, values)
    model = Model(values: values, now: 1_000_001, pid: Int(simulation.pid(observer)))
    for _ in 0..<4 { addProcess(at: nil) }
  }

  private mutating func addProcess(at index: Int?) {
    let process = simulation.startProcess()
    let threads =
      [process.first] + (random.once(in: 2) ? [simulation.startThread(of: process)] : [])
    if let index { processes[index] = process } else { processes.append(process) }
    callers += threads.map { ($0, Int(simulation.pid(process))) }
  }

  /// The first difference, or nil.
  mutating func run() -> String? {
    for step in 0..<60 {
      let what = act()
      if let difference = compare() { return "step \(step), \(what): \(difference)" }
    }
    return nil
  }

  private mutating func act() -> String {
    switch random.below(20) {
    case 0: return kill()
    case 1:
      let (semaphore, value) = (random.below(3), random.below(3))
      let outcome = simulation.setValue(observer.first, semaphore, value)
      model.setValue(semaphore, value, pid: Int(simulation.pid(observer)))
      return "SETVAL \(semaphore) \(value) \(outcome)"
    case 2:
      let values = (0..<3).map { _ in random.below(3) }
      let outcome = simulation.setAll(observer.first, values)
      model.setAll(values, pid: Int(simulation.pid(observer)))
      return "SETALL \(values) \(outcome)"
    case 3: return withdraw()
    case 4:
      // Longer than any timeout: the order of deadlines in one step is not the kernel's.
      simulation.world.state.nanoseconds += 1_000_000_000
      model.now += 1
      return "a second"
    default: return semop()
    }
  }

  private mutating func kill() -> String {
    let index = random.below(processes.count)
    let pid = Int(simulation.pid(processes[index]))
    simulation.kill(processes[index])
    simulation.settle()
    model.end(process: pid)
    callers.removeAll { $0.process == pid }
    // Slots are found again by the thread's number: results of the dead do not count.
    model.finished = model.finished.filter { caller, _ in
      callers.contains { $0.thread.slot == caller }
    }
    // Who sees the death first applies it.
    _ = simulation.getValue(observer.first, 0)
    addProcess(at: index)
    return "kill \(pid)"
  }

  private mutating func withdraw() -> String {
    let asleep = callers.filter { simulation.isAsleep($0.thread) }
    guard !asleep.isEmpty else { return "nothing" }
    let caller = asleep[random.below(asleep.count)].thread
    let isTimeout = random.once(in: 2)
    simulation.world.rouse(caller.slot, isTimeout ? .timedOut : .interrupted)
    simulation.settle()
    model.withdraw(caller: caller.slot, isTimeout ? .again : .interrupted)
    return "withdraw \(caller.slot)"
  }

  private mutating func semop() -> String {
    let idle = callers.filter { simulation.world.state.threads[$0.thread.slot].status == .idle }
    guard !idle.isEmpty else { return "nobody idle" }
    let (thread, process) = idle[random.below(idle.count)]
    let operations = (0..<1 + random.below(3) * random.below(2)).map { _ in
      Operation(
        semaphore: random.below(3), amount: random.below(7) - 3,
        flags: (random.once(in: 3) ? Flag.undo : 0) | (random.once(in: 4) ? Flag.noWait : 0))
    }
    let mayWait = !random.once(in: 6)
    let outcome = simulation.semop(thread, operations, timeout: mayWait ? nil : 0)
    let text = operations.map { "\($0.semaphore):\($0.amount)/\($0.flags)" }.joined(separator: " ")
    let expected = model.semop(
      caller: thread.slot, process: process, operations, mayWait: mayWait)
    if let expected { model.finished[thread.slot] = expected }
    return "semop by \(process): \(text) -> \(outcome)"
  }

  private mutating func compare() -> String? {
    for (caller, errno) in model.finished.sorted(by: { $0.key < $1.key }) {
      let outcome = simulation.outcome(ThreadID(slot: caller))
      if outcome != (errno == .success ? .success : .failed(errno)) {
        return "thread \(caller): \(outcome), expected \(errno)"
      }
    }
    model.finished = [:]
    for sleeper in model.sleepers where !simulation.isAsleep(ThreadID(slot: sleeper.caller)) {
      return "thread \(sleeper.caller) should sleep"
    }
    let values = simulation.getAll(observer.first) ?? []
    if values != model.values { return "values \(values), expected \(model.values)" }
    for semaphore in 0..<3 {
      let pid = simulation.getPid(observer.first, semaphore)
      if pid != .value(model.pids[semaphore]) {
        return "sempid \(semaphore): \(pid), expected \(model.pids[semaphore])"
      }
      let counts = simulation.counts(observer.first, semaphore)
      if counts != model.counts(semaphore).map({ .value($0) }) {
        return "counts \(semaphore): \(counts), expected \(model.counts(semaphore))"
      }
      let held = model.adjustments.values.reduce(0) { $0 + $1[semaphore] }
      if simulation.livingAdjustments()[semaphore] != held { return "adjustments of \(semaphore)" }
    }
    guard let times = simulation.times(observer.first) else { return "no status" }
    if times.otime != model.otime { return "otime \(times.otime), expected \(model.otime)" }
    if times.ctime != model.ctime { return "ctime \(times.ctime), expected \(model.ctime)" }
    return simulation.brokenInvariant() ?? simulation.forgottenSleeper()
  }
}
