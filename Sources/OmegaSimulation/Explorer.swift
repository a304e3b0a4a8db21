/// What an exploration found.
package struct Exploration: CustomStringConvertible {
  package var name: String
  package var states = 0
  package var transitions = 0
  /// States in which nobody can run.
  package var quiescent = 0
  package var kills = 0
  package var longest = 0
  /// Quiescent states in which a thread goes on only because a bounded wait ends.
  package var boundedLockWaits = 0
  package var lookArounds = 0
  package var isComplete = true
  package var violation: String?

  package var description: String {
    """
    \(name): \(states) states, \(transitions) transitions, \(quiescent) quiescent, \(kills) kills, \
    depth \(longest), waits for the lock that ended by time \(boundedLockWaits), \
    look-arounds \(lookArounds)\(isComplete ? "" : ", incomplete")\
    \(violation.map { ": " + $0 } ?? "")
    """
  }
}

/// Visits every state that a scenario can reach, depth first, over all interleavings of accesses to
/// shared words and all places for a death.
///
/// A state is the image, what the simulated kernel knows, and for each thread the call it is in with a
/// digest of all that it has read in that call, which determines its local state. States are restored
/// by copying memory, stacks included; visited ones are remembered by a 64-bit digest.
package struct Explorer {
  private enum Move {
    case run(Int)
    case kill(Int)
    case interrupt(Int)
    case timeOut(Int)
  }

  private struct Frame {
    var snapshot: Snapshot
    var moves: [Move]
    var trail: Int
    var killsLeft: Int
    var interruptionsLeft: Int
  }

  private let simulation: Simulation
  private let scenario: Scenario
  private var report: Exploration
  private var visited: Set<UInt64> = []
  private var trail: [Step] = []
  private var killsLeft: Int
  private var interruptionsLeft: Int
  /// Checked in every quiescent state; the simulation may be used up.
  private let property: (Simulation) -> String?

  /// What happened on the way to the present state, for the report of a violation.
  private struct Step {
    var move: Move
    var access: Access
    var offset: Int
  }

  package init(
    _ scenario: Scenario, simulation: Simulation, property: @escaping (Simulation) -> String?
  ) {
    self.scenario = scenario
    self.simulation = simulation
    self.property = property
    report = Exploration(name: scenario.name)
    killsLeft = scenario.kills
    interruptionsLeft = scenario.interruptions
  }

  private var world: World { simulation.world }

  /// Explores from the simulation's present state.
  package mutating func run() -> Exploration {
    world.state.fault = scenario.fault
    if scenario.isImpatient { world.state.ownerPatience = 0 }
    world.state.mode = .explore
    let regions = simulation.regions()
    var frames: [Frame] = []
    visited.reserveCapacity(1 << 16)
    enter(&frames, regions)
    while let frame = frames.last {
      report.longest = max(report.longest, trail.count)
      if report.violation != nil { break }
      if report.states >= scenario.limit {
        report.isComplete = false
        break
      }
      if frame.moves.isEmpty {
        frames.removeLast()
        continue
      }
      let move = frames[frames.count - 1].moves.removeLast()
      frame.snapshot.restore(simulation)
      trail.removeLast(trail.count - frame.trail)
      killsLeft = frame.killsLeft
      interruptionsLeft = frame.interruptionsLeft
      apply(move)
      enter(&frames, regions)
    }
    report.boundedLockWaits = boundedLockWaits
    report.lookArounds = lookArounds
    return report
  }

  private var boundedLockWaits = 0
  private var lookArounds = 0

  /// Looks at the present state: follows it while there is one way only, else keeps it.
  private mutating func enter(_ frames: inout [Frame], _ regions: [Region]) {
    while report.violation == nil {
      let moves = moves()
      let canRun = moves.contains { if case .run = $0 { true } else { false } }
      if canRun && moves.count == 1, case .run(let thread) = moves[0],
        world.state.threads[thread].isPrivateAccess
      {
        apply(moves[0])  // Nobody can tell: not a state of its own.
        continue
      }
      guard visited.insert(digest(regions)).inserted else { return }
      report.states += 1
      if moves.count == 1 && canRun {
        apply(moves[0])
        continue
      }
      let snapshot = Snapshot(simulation, regions)
      if !canRun {
        report.quiescent += 1
        checkQuiescent()
        snapshot.restore(simulation)
        world.state.mode = .explore
      }
      if !moves.isEmpty {
        frames.append(
          Frame(
            snapshot: snapshot, moves: moves.reversed(), trail: trail.count,
            killsLeft: killsLeft, interruptionsLeft: interruptionsLeft))
      }
      return
    }
  }

  private mutating func apply(_ move: Move) {
    report.transitions += 1
    switch move {
    case .run(let thread):
      let state = world.state.threads[thread]
      trail.append(Step(move: move, access: state.access, offset: state.offset))
      world.resume(thread)
    case .kill(let process):
      report.kills += 1
      killsLeft -= 1
      trail.append(Step(move: move, access: .none, offset: 0))
      world.endProcess(process)
    case .interrupt(let thread):
      interruptionsLeft -= 1
      trail.append(Step(move: move, access: .none, offset: 0))
      world.rouse(thread, .interrupted)
    case .timeOut(let thread):
      interruptionsLeft -= 1
      trail.append(Step(move: move, access: .none, offset: 0))
      world.rouse(thread, .timedOut)
    }
    if world.state.strayAccesses != 0 {
      violate("word \(world.state.strayOffset) without the lock")
    }
  }

  private func moves() -> [Move] {
    var moves: [Move] = []
    var waiting: [Move] = []
    for thread in world.state.threads.indices where world.state.threads[thread].status == .ready {
      if world.state.threads[thread].isPrivateAccess {
        moves = [.run(thread)]
        let process = world.state.threads[thread].process
        if killsLeft > 0 && isMortal(process) { moves.append(.kill(process)) }
        return moves
      }
      if world.state.threads[thread].waitsForStore {
        waiting.append(.run(thread))
      } else {
        moves.append(.run(thread))
      }
    }
    if moves.isEmpty { moves = waiting }
    if killsLeft > 0 {
      for process in world.state.processes.indices
      where !world.state.processes[process].hasEnded && isMortal(process) && isKillPoint(process) {
        moves.append(.kill(process))
      }
    }
    if interruptionsLeft > 0 {
      for thread in world.state.threads.indices
      where world.state.threads[thread].status == .sleeping {
        moves.append(.interrupt(thread))
        if world.state.threads[thread].deadline != .max { moves.append(.timeOut(thread)) }
      }
    }
    return moves
  }

  private func isMortal(_ process: Int) -> Bool { scenario.mortal?.contains(process) ?? true }

  /// A death before a load is the same as one before the store that follows.
  private func isKillPoint(_ process: Int) -> Bool {
    for thread in world.state.threads.indices
    where world.state.threads[thread].process == process
      && world.state.threads[thread].status == .ready
    {
      if !world.state.threads[thread].isKillPoint { return false }
    }
    return true
  }

  private mutating func checkQuiescent() {
    let before = (world.state.boundedLockWaits, world.state.lookArounds)
    simulation.endBoundedWaits()
    boundedLockWaits += world.state.boundedLockWaits == before.0 ? 0 : 1
    lookArounds += world.state.lookArounds == before.1 ? 0 : 1
    if let broken = simulation.forgottenSleeper() ?? simulation.brokenInvariant()
      ?? property(simulation)
    {
      violate(broken)
    }
  }

  private mutating func violate(_ message: String) {
    guard report.violation == nil else { return }
    let steps = trail.suffix(400).map { step in
      switch step.move {
      case .run(let thread): "t\(thread) \(step.access) \(simulation.nameOfWord(step.offset))"
      case .kill(let process): "KILL p\(process)"
      case .interrupt(let thread): "INTERRUPT t\(thread)"
      case .timeOut(let thread): "TIMEOUT t\(thread)"
      }
    }
    report.violation = message + "\n    " + steps.joined(separator: "\n    ")
  }

  private func digest(_ regions: [Region]) -> UInt64 {
    mix(simulation.digest(regions), UInt64(killsLeft << 8 | interruptionsLeft))
  }
}
