/// A small system to be explored completely: a few processes with a few calls each.
package struct Scenario {
  package var name: String
  package var object: Object
  /// The calls of each thread of each process, made one after the other.
  package var processes: [[[Plan]]]
  /// Calls that each process makes before the exploration begins, undisturbed.
  package var before: [[Plan]] = []
  /// How many processes may be killed, at any point.
  package var kills = 0
  /// Which of them; nil for any.
  package var mortal: Set<Int>?
  /// How many sleeping calls may be interrupted by a signal, or reach their deadline, at any point.
  package var interruptions = 0
  /// Somebody may have to wait for the lock until a bounded wait ends: see where it is set.
  package var mayWaitForLock = false
  package var fault = Fault.none
  /// Owners of calls of several operations are not waited for: as if each had been stopped.
  package var isImpatient = false
  /// Stops after this many states, saying so.
  package var limit = Int.max

  package enum Object: Sendable {
    /// A set with these values.
    case semaphores([Int])
    /// A queue for so many bytes.
    case queue(Int)
  }

  package init(_ name: String, values: [Int], _ processes: [[[Plan]]]) {
    self.init(name, .semaphores(values), processes)
  }

  package init(_ name: String, queueBytes: Int, _ processes: [[[Plan]]]) {
    self.init(name, .queue(queueBytes), processes)
  }

  private init(_ name: String, _ object: Object, _ processes: [[[Plan]]]) {
    self.name = name
    self.object = object
    self.processes = processes
  }

  /// Explores the scenario in a simulation of its own.
  package func explore() -> Exploration {
    let simulation: Simulation
    switch object {
    case .semaphores(let values): simulation = Simulation(semaphores: values.count)
    case .queue(let byteCount): simulation = Simulation(queueBytes: byteCount)
    }
    let processes = processes.map { _ in simulation.startProcess() }
    if case .semaphores(let values) = object { _ = simulation.setAll(processes[0].first, values) }
    var threads: [(ThreadID, [Plan])] = []
    for (index, process) in processes.enumerated() {
      if index < before.count {
        for plan in before[index] { _ = simulation.call(process.first, plan.call(simulation)) }
      }
      for (number, plans) in self.processes[index].enumerated() {
        let thread = number == 0 ? process.first : simulation.startThread(of: process)
        threads.append((thread, plans))
      }
    }
    for (thread, plans) in threads {
      simulation.begin(thread, program: plans.map { $0.call(simulation) })
    }
    var explorer = Explorer(
      self, simulation: simulation, property: conservation(simulation, threads))
    return explorer.run()
  }

  /// Nothing gets lost and nothing comes from nowhere.
  private func conservation(
    _ simulation: Simulation, _ threads: [(ThreadID, [Plan])]
  ) -> (Simulation) -> String? {
    switch object {
    case .semaphores:
      let start = zip(simulation.effectiveValues(), simulation.livingAdjustments()).map(+)
      return { Scenario.lostTokens($0, start: start, threads: threads) }
    case .queue:
      let start = (simulation.queued ?? []).map(\.message)
      return { Scenario.lostMessages($0, start: start, threads: threads) }
    }
  }

  /// Values and adjustments together change by what calls without SEM_UNDO added, and only by that. A
  /// call in which its process was killed counts wholly or not at all.
  private static func lostTokens(
    _ simulation: Simulation, start: [Int], threads: [(ThreadID, [Plan])]
  ) -> String? {
    var possible = [start]
    for (thread, plans) in threads {
      let state = simulation.world.state.threads[thread.slot]
      for (position, plan) in plans.enumerated() where position < state.position {
        guard let effect = plan.effect(semaphores: start.count) else { return nil }
        let with = possible.map { zip($0, effect).map(+) }
        if state.succeeded & 1 << UInt64(position) != 0 {
          possible = with
        } else if state.status == .dead && position == state.position - 1 {
          possible += with
        }
      }
    }
    let present = zip(simulation.effectiveValues(), simulation.livingAdjustments()).map(+)
    return possible.contains(present) ? nil : "\(present) tokens instead of one of \(possible)"
  }
}

/// A call of a scenario.
package enum Plan: Sendable {
  case semop([Operation])
  case wait([Operation], timeout: Int64)
  case setValue(Int, Int)
  case getValue(Int)
  case remove
  /// Type, number and size of a message.
  case send(Int, UInt64, byteCount: Int = 8, flags: Int32 = 0)
  case receive(Int, flags: Int32 = 0)
  case setQueue(Int)

  func call(_ simulation: Simulation) -> Call {
    switch self {
    case .semop(let operations): simulation.operate(operations)
    case .wait(let operations, let timeout): simulation.operate(operations, timeout: timeout)
    case .setValue(let semaphore, let value):
      Call(kind: .setValue, semaphore: semaphore, value: value)
    case .getValue(let semaphore): Call(kind: .getValue, semaphore: semaphore)
    case .remove: Call(kind: .remove)
    case .send(let type, let message, let byteCount, let flags):
      simulation.sending(type: type, byteCount: byteCount, message: message, flags: flags)
    case .receive(let type, let flags): simulation.receiving(type: type, flags: flags)
    case .setQueue(let byteCount): simulation.settingQueue(queueBytes: byteCount)
    }
  }

  /// What the call adds to values and adjustments together; nil when that depends.
  fileprivate func effect(semaphores: Int) -> [Int]? {
    var effect = Array(repeating: 0, count: semaphores)
    switch self {
    case .semop(let operations), .wait(let operations, _):
      for operation in operations where !operation.usesUndo {
        effect[operation.semaphore] += operation.amount
      }
    case .setValue, .remove: return nil
    case .getValue, .send, .receive, .setQueue: break
    }
    return effect
  }
}

extension Simulation {
  /// Gives the thread calls to make one after the other, from its next turn on.
  func begin(_ thread: ThreadID, program: [Call]) {
    world.state.threads[thread.slot].program = keepProgram(program)
    world.state.threads[thread.slot].position = 0
    world.state.threads[thread.slot].succeeded = 0
    world.state.threads[thread.slot].results = 0
    if world.nextOfProgram(thread.slot) {
      begin(thread, world.state.threads[thread.slot].call)
    }
  }
}
