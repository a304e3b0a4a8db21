extension Scenario {
  /// Each message that was sent is in the queue or was received, once. Of a call in which its process was
  /// killed the message is in the queue or not; a receiver who was killed may have taken one along.
  ///
  /// Uses the simulation up: a newcomer finishes what the dead have left.
  static func lostMessages(
    _ simulation: Simulation, start: [UInt64], threads: [(ThreadID, [Plan])]
  ) -> String? {
    var sent = Set(start)
    var uncertain: Set<UInt64> = []
    var received: [UInt64] = []
    var taken = 0
    for (thread, plans) in threads {
      let state = simulation.world.state.threads[thread.slot]
      for (position, plan) in plans.enumerated() where position < state.position {
        let isDone = state.succeeded & 1 << UInt64(position) != 0
        let isCutOff = state.status == .dead && position == state.position - 1
        switch plan {
        case .send(_, let message, _, _) where isDone: sent.insert(message)
        case .send(_, let message, _, _) where isCutOff: uncertain.insert(message)
        case .receive where isDone: received.append(state.receipts[position])
        case .receive where isCutOff: taken += 1
        default: break
        }
      }
    }
    let newcomer = simulation.startProcess().first
    let isLive = simulation.call(newcomer, Call(kind: .status)) == .success
    if let broken = simulation.brokenInvariant() { return "after recovery: \(broken)" }
    // A removed queue keeps what was in it, and nobody asks.
    let left = isLive ? (simulation.queued ?? []).map(\.message) : []
    if Set(received + left).count != received.count + left.count {
      return "twice: received \(received), left \(left)"
    }
    let there = Set(received + left)
    if !there.isSubset(of: sent.union(uncertain)) { return "never sent: \(there), sent \(sent)" }
    let lost = sent.subtracting(there)
    if isLive && lost.count > taken { return "lost: \(lost), taken by the dead at most \(taken)" }
    return nil
  }
}
