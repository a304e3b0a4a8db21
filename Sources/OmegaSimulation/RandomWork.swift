/// What the threads of a random schedule do with an object of a kind, and what must be true of it.
protocol RandomWork {
  func prepare(_ simulation: Simulation, by thread: ThreadID)
  /// The thread's next call.
  mutating func call(
    _ thread: ThreadID, _ simulation: Simulation, _ random: inout SplitMix
  ) -> Call
  /// The call has ended, with the result in `state`; what is wrong with that.
  mutating func ended(_ thread: ThreadID, _ state: SimulatedThread) -> String?
  /// The thread was killed in its call.
  mutating func cutOff(_ thread: ThreadID)
  /// What is wrong when nobody can run.
  mutating func broken(_ simulation: Simulation) -> String?
  /// What is wrong after everybody's end, for a newcomer.
  mutating func brokenAtEnd(_ simulation: Simulation, by newcomer: ProcessID) -> String?
}

/// Acquiring and releasing: values and adjustments together change by what was released and acquired
/// without SEM_UNDO, and only by that.
struct TokenWork: RandomWork {
  /// What values and adjustments together must be, and the effects of calls cut off by a death.
  private var expected: [Int]
  private var uncertain: [[Int]] = []
  private var effects: [ThreadID: [Int]] = [:]

  init(semaphores: Int, tokens: Int) {
    expected = Array(repeating: tokens, count: semaphores)
  }

  func prepare(_ simulation: Simulation, by thread: ThreadID) {
    _ = simulation.setAll(thread, expected)
  }

  mutating func call(
    _ thread: ThreadID, _ simulation: Simulation, _ random: inout SplitMix
  ) -> Call {
    let operations = operations(&random)
    var effect = Array(repeating: 0, count: expected.count)
    for operation in operations where !operation.usesUndo {
      effect[operation.semaphore] += operation.amount
    }
    effects[thread] = effect
    let timeout: Int64? = random.once(in: 5) ? Int64(1 + random.below(1000)) : nil
    return simulation.operate(operations, timeout: timeout)
  }

  /// Acquires and releases, with SEM_UNDO or without, of one or several semaphores; undone releases
  /// only of what was acquired so, or the clamp at 0 would lose tokens as it does on Linux.
  private func operations(_ random: inout SplitMix) -> [Operation] {
    let count = random.once(in: 3) ? 2 + random.below(2) : 1
    return (0..<count).map { _ in
      let semaphore = random.below(expected.count)
      switch random.below(8) {
      case 0: return Operation(semaphore: semaphore, amount: 0, flags: flags(0, &random))
      case 1...2: return Operation(semaphore: semaphore, amount: 1, flags: 0)
      case 3...5: return Operation(semaphore: semaphore, amount: -1, flags: flags(0, &random))
      default:
        return Operation(
          semaphore: semaphore, amount: -1 - random.below(2), flags: flags(Flag.undo, &random))
      }
    }
  }

  private func flags(_ flags: Int32, _ random: inout SplitMix) -> Int32 {
    random.once(in: 3) ? flags | Flag.noWait : flags
  }

  mutating func ended(_ thread: ThreadID, _ state: SimulatedThread) -> String? {
    guard let effect = effects.removeValue(forKey: thread) else { return nil }
    if state.result >= 0 { expected = zip(expected, effect).map(+) }
    return nil
  }

  mutating func cutOff(_ thread: ThreadID) {
    if let effect = effects.removeValue(forKey: thread) { uncertain.append(effect) }
  }

  mutating func broken(_ simulation: Simulation) -> String? {
    let present = zip(simulation.effectiveValues(), simulation.livingAdjustments()).map(+)
    var possible = [expected]
    for effect in uncertain { possible += possible.map { zip($0, effect).map(+) } }
    uncertain = []
    guard possible.contains(present) else {
      return "\(present) tokens instead of one of \(possible)"
    }
    expected = present
    return nil
  }

  mutating func brokenAtEnd(_ simulation: Simulation, by newcomer: ProcessID) -> String? {
    let values = simulation.getAll(newcomer.first) ?? []
    return values == expected ? nil : "\(values) tokens left instead of \(expected)"
  }
}
