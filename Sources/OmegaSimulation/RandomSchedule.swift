/// A seeded run of several processes whose threads are switched, killed, interrupted and timed out at
/// random points, with everything checked whenever nobody can run.
package struct RandomSchedule {
  package struct Options: Sendable {
    package var semaphores = 2
    /// A queue for so many bytes instead of a set.
    package var queueBytes: Int?
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
  private var work: any RandomWork
  /// Threads in a call that has not been noted as ended.
  private var busy: Set<ThreadID> = []
  private var killsSinceRest = 0

  package init(seed: UInt64, _ options: Options) {
    if let queueBytes = options.queueBytes {
      simulation = Simulation(queueBytes: queueBytes)
      work = MessageWork(queueBytes: queueBytes)
    } else {
      simulation = Simulation(semaphores: options.semaphores)
      work = TokenWork(semaphores: options.semaphores, tokens: options.tokens)
    }
    simulation.seed = seed
    self.options = options
    random = SplitMix(seed: seed)
    for _ in 0..<options.processes { processes.append(simulation.startProcess()) }
    for process in processes {
      threads.append(
        [process.first]
          + (1..<max(options.threadsPerProcess, 1)).map { _ in simulation.startThread(of: process) }
      )
    }
    work.prepare(simulation, by: processes[0].first)
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
    busy.insert(thread)
    simulation.begin(thread, work.call(thread, simulation, &random))
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
      guard state.status == .idle, busy.remove(thread) != nil else { continue }
      if let broken = work.ended(thread, state) { violate(broken) }
    }
  }

  private mutating func kill() {
    let index = random.below(processes.count)
    options.kills -= 1
    report.kills += 1
    killsSinceRest += 1
    noteResults()
    for thread in threads[index] where busy.remove(thread) != nil { work.cutOff(thread) }
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
    if let broken = work.broken(simulation) { violate(broken) }
  }

  /// The long bounded wait of every sleeper ends.
  private mutating func insure() {
    report.insured += 1
    for thread in threads.flatMap(\.self) { simulation.world.rouse(thread.slot, .lookAround) }
    simulation.endBoundedWaits()
    noteResults()
  }

  /// Everybody ends; what is left is what was there, and a newcomer can use it.
  private mutating func finish() {
    guard report.violation == nil else { return }
    for process in processes {
      simulation.world.endProcess(process.slot)
      simulation.forgetThreads(of: process.slot)
    }
    let last = simulation.startProcess()
    if let broken = work.brokenAtEnd(simulation, by: last) { violate(broken) }
    if !simulation.world.state.threads[last.thread].hasResult { violate("a newcomer hangs") }
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
