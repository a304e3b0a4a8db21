/// A seeded run of several processes whose threads are switched, killed, interrupted and timed out at
/// random points, with everything checked whenever nobody can run.
package struct RandomSchedule {
  package struct Options: Sendable {
    package var semaphores = 2
    package var tokens = 3
    package var processes = 3
    package var threadsPerProcess = 1
    /// Calls begun in all.
    package var calls = 60
    /// Processes killed in all, and how often one is chosen.
    package var kills = 4
    package var killOdds = 40
    /// Mean number of points between two switches.
    package var meanRun = 8
    package var fault = Fault.none
    /// As in `Scenario`.
    package var isImpatient = false

    package init() {}
  }

  package struct Report: Sendable {
    package var points = 0
    package var kills = 0
    package var quiescent = 0
    package var boundedLockWaits = 0
    /// Times that only the insurance against two deaths at once woke a sleeper.
    package var insured = 0
    package var violation: String?
  }

  private let simulation: Simulation
  private var options: Options
  private var random: SplitMix
  private var report = Report()
  private var processes: [ProcessID] = []
  private var threads: [[ThreadID]] = []
  /// What values and adjustments together must be, and the effects of calls cut off by a death.
  private var expected: [Int]
  private var uncertain: [[Int]] = []
  private var effects: [ThreadID: [Int]] = [:]
  private var killsSinceRest = 0

  package init(seed: UInt64, _ options: Options) {
    simulation = Simulation(semaphores: options.semaphores)
    simulation.seed = seed
    self.options = options
    random = SplitMix(seed: seed)
    expected = Array(repeating: options.tokens, count: options.semaphores)
    for _ in 0..<options.processes { processes.append(simulation.startProcess()) }
    for process in processes {
      threads.append(
        [process.first]
          + (1..<max(options.threadsPerProcess, 1)).map { _ in simulation.startThread(of: process) }
      )
    }
    _ = simulation.setAll(processes[0].first, expected)
    simulation.world.state.random = SplitMix(seed: random.next())
    simulation.fault = options.fault
    if options.isImpatient { simulation.world.state.ownerPatience = 0 }
  }

  /// Runs to the end; the report's violation is nil when nothing was wrong.
  package mutating func run() -> Report {
    while options.calls > 0 && report.violation == nil {
      step()
      if random.once(in: 60) { rest() }
    }
    rest()
    finish()
    report.points = simulation.world.state.points
    report.boundedLockWaits = simulation.world.state.boundedLockWaits
    return report
  }

  // MARK: Steps

  private mutating func step() {
    let all = threads.flatMap(\.self)
    let idle = all.filter { simulation.world.state.threads[$0.slot].status == .idle }
    let ready = simulation.readyThreads
    if options.kills > 0 && random.once(in: options.killOdds) { return kill() }
    if random.once(in: 50) { return disturb() }
    if !idle.isEmpty && (ready.isEmpty || random.once(in: 4)) {
      begin(idle[random.below(idle.count)])
    } else if !ready.isEmpty {
      resume(ready[random.below(ready.count)])
    } else {
      rest()
      disturb()
    }
  }

  private mutating func begin(_ thread: ThreadID) {
    options.calls -= 1
    let operations = operations()
    var effect = Array(repeating: 0, count: options.semaphores)
    for operation in operations where !operation.usesUndo {
      effect[operation.semaphore] += operation.amount
    }
    effects[thread] = effect
    let timeout: Int64? = random.once(in: 5) ? Int64(1 + random.below(1000)) : nil
    simulation.begin(thread, simulation.operate(operations, timeout: timeout))
  }

  /// Acquires and releases, with SEM_UNDO or without, of one or several semaphores; undone releases
  /// only of what was acquired so, or the clamp at 0 would lose tokens as it does on Linux.
  private mutating func operations() -> [Operation] {
    let count = random.once(in: 3) ? 2 + random.below(2) : 1
    return (0..<count).map { _ in
      let semaphore = random.below(options.semaphores)
      switch random.below(8) {
      case 0: return Operation(semaphore: semaphore, amount: 0, flags: flags(0))
      case 1...2: return Operation(semaphore: semaphore, amount: 1, flags: 0)
      case 3...5: return Operation(semaphore: semaphore, amount: -1, flags: flags(0))
      default:
        return Operation(
          semaphore: semaphore, amount: -1 - random.below(2), flags: flags(Flag.undo))
      }
    }
  }

  private mutating func flags(_ flags: Int32) -> Int32 {
    random.once(in: 3) ? flags | Flag.noWait : flags
  }

  private mutating func resume(_ thread: Int) {
    simulation.world.state.mode = .random
    simulation.world.state.countdown = 1 + random.below(2 * options.meanRun)
    simulation.world.resume(thread)
    noteResults()
  }

  private mutating func noteResults() {
    for thread in threads.flatMap(\.self) {
      let state = simulation.world.state.threads[thread.slot]
      guard state.status == .idle, let effect = effects.removeValue(forKey: thread) else {
        continue
      }
      if state.result >= 0 { expected = zip(expected, effect).map(+) }
    }
  }

  private mutating func kill() {
    let index = random.below(processes.count)
    options.kills -= 1
    report.kills += 1
    killsSinceRest += 1
    for thread in threads[index] {
      if let effect = effects.removeValue(forKey: thread) { uncertain.append(effect) }
    }
    simulation.world.endProcess(processes[index].slot)
    simulation.forgetThreads(of: processes[index].slot)
    processes[index] = simulation.startProcess()
    let process = processes[index]
    threads[index] =
      [process.first]
      + (1..<max(options.threadsPerProcess, 1)).map { _ in simulation.startThread(of: process) }
  }

  /// A signal, or the time of the next deadline.
  private mutating func disturb() {
    let sleeping = threads.flatMap(\.self).filter(simulation.isAsleep)
    guard !sleeping.isEmpty else { return }
    let thread = sleeping[random.below(sleeping.count)].slot
    if simulation.world.state.threads[thread].deadline != .max {
      simulation.world.state.nanoseconds = max(
        simulation.world.state.nanoseconds, simulation.world.state.threads[thread].deadline)
      simulation.world.rouse(thread, .timedOut)
    } else {
      simulation.world.rouse(thread, .interrupted)
    }
  }

  // MARK: Checks

  /// Lets everybody run until nobody can, and looks at everything.
  private mutating func rest() {
    var turns = 0
    while true {
      let ready = simulation.readyThreads
      if ready.isEmpty { break }
      turns += 1
      if turns > 100_000 { return violate("threads run for ever") }
      resume(ready[random.below(ready.count)])
    }
    simulation.endBoundedWaits()
    noteResults()
    report.quiescent += 1
    if simulation.forgottenSleeper() != nil && killsSinceRest >= 2 { insure() }
    killsSinceRest = 0
    if let broken = simulation.forgottenSleeper() ?? simulation.brokenInvariant() {
      return violate(broken)
    }
    countTokens()
  }

  /// The long bounded wait of every sleeper ends.
  private mutating func insure() {
    report.insured += 1
    for thread in threads.flatMap(\.self) { simulation.world.rouse(thread.slot, .lookAround) }
    simulation.endBoundedWaits()
    noteResults()
  }

  private mutating func countTokens() {
    let present = zip(simulation.effectiveValues(), simulation.livingAdjustments()).map(+)
    var possible = [expected]
    for effect in uncertain { possible += possible.map { zip($0, effect).map(+) } }
    uncertain = []
    guard possible.contains(present) else {
      return violate("\(present) tokens instead of one of \(possible)")
    }
    expected = present
  }

  /// Everybody ends; what is left is what was there, and a newcomer can use it.
  private mutating func finish() {
    guard report.violation == nil else { return }
    for process in processes {
      simulation.world.endProcess(process.slot)
      simulation.forgetThreads(of: process.slot)
    }
    let last = simulation.startProcess()
    guard let values = simulation.getAll(last.first),
      simulation.world.state.threads[last.thread].hasResult
    else { return violate("a newcomer hangs") }
    if values != expected { violate("\(values) tokens left instead of \(expected)") }
    if let broken = simulation.brokenInvariant() { violate(broken) }
    for slot in 0..<simulation.waiterHigh where simulation.status(slot) != WaiterStatus.free {
      violate("waiter slot \(slot) is lost")
    }
    for member in 0..<simulation.memberHigh where !simulation.memberHasEnded(member) {
      violate("member slot \(member) is lost")
    }
  }

  private mutating func violate(_ message: String) {
    if report.violation == nil { report.violation = "seed \(simulation.seed): \(message)" }
  }
}
