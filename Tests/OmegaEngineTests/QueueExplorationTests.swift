import Testing

@testable import OmegaSimulation

/// Every interleaving of small systems with a queue, with a death at every point: each message is in the
/// queue or was received once, no lost wake-up, no deadlock, no cell lost. Nobody goes on only because a
/// bounded wait ended, but for one case: who slept and was finished frees the slot under the lock, and when
/// the one who finished it dies just then, after it let its guardian go and before it has put the lock
/// under its robust list again, only the next look at the lock's owner tells.
@Suite(.serialized) struct QueueExplorationTests {
  private static func scenario(
    _ name: String, bytes: Int, kills: Int, mortal: Set<Int>? = nil, before: [[Plan]] = [],
    sleeps: Bool = false, _ processes: [[Plan]]
  ) -> Scenario {
    var scenario = Scenario(name, queueBytes: bytes, processes.map { [$0] })
    scenario.kills = kills
    scenario.mortal = mortal
    scenario.before = before
    scenario.mayWaitForLock = sleeps
    return scenario
  }

  /// Makes the process a member with a stocked pocket, so that its next calls are fast; the queue is
  /// empty then.
  private static let member: [Plan] = [
    .send(1, 90), .receive(1), .send(1, 91), .receive(1),
  ]
  private static let full: [Plan] = member + [.send(1, 1)]

  static let short: [Scenario] = [
    scenario(
      "fast sends of two, one death", bytes: 100, kills: 1, before: [member, member],
      [[.send(1, 11)], [.send(2, 21)]]),
    scenario(
      "a fast send and a fast receive, one death", bytes: 100, kills: 1, before: [member, full],
      [[.send(2, 11)], [.receive(1)]]),
    scenario(
      "a fast send and a receiver that goes to sleep, one death", bytes: 100, kills: 1,
      before: [member, member], sleeps: true, [[.send(1, 11)], [.receive(1)]]),
  ]

  private static let room = scenario(
    "a full queue, a sender and a receiver, one death", bytes: 8, kills: 1,
    before: [member, full], sleeps: true, [[.send(1, 11)], [.receive(1)]])

  static let long: [Scenario] =
    short + [
      room,
      scenario(
        "a removal and a receiver, one death", bytes: 100, kills: 1, before: [member, member],
        sleeps: true, [[.remove], [.receive(1)]]),
      scenario(
        "a removal and a sender at a full queue, one death", bytes: 8, kills: 1,
        before: [member, full], sleeps: true, [[.send(1, 11)], [.remove]]),
      scenario(
        "IPC_SET and a sender at a full queue, one death", bytes: 8, kills: 1,
        before: [member, full], sleeps: true, [[.send(1, 11)], [.setQueue(16)]]),
    ]

  /// Three processes have more states than a test can visit: these are the first of them, depth first.
  @Test(
    "three processes, as far as five million states",
    .enabled(if: Seeds.isLong, "only with OMEGA_TEST_LONG=1"),
    arguments: [
      scenario(
        "two senders at a full queue and a receiver, one death", bytes: 8, kills: 1,
        before: [member, member, full], sleeps: true,
        [[.send(1, 11)], [.send(2, 21)], [.receive(1)]]),
      scenario(
        "the death of a sender in a fast call, and two others", bytes: 100, kills: 1, mortal: [0],
        before: [member, member, member], sleeps: true,
        [[.send(1, 11)], [.send(1, 21)], [.receive(1, flags: Flag.noWait)]]),
    ])
  func three(scenario: Scenario) {
    var scenario = scenario
    scenario.limit = 5_000_000
    let report = scenario.explore()
    print(report)
    #expect(report.violation == nil)
  }

  @Test("all interleavings of small systems", arguments: Seeds.isLong ? long : short)
  func everything(scenario: Scenario) {
    var scenario = scenario
    scenario.limit = 20_000_000
    let report = scenario.explore()
    print(report)
    #expect(report.violation == nil)
    #expect(report.isComplete)
    #expect(scenario.mayWaitForLock || report.boundedLockWaits == 0)
  }

  @Test(
    "explorations notice a broken engine",
    arguments: [
      Fault.losesWakes, .forgetsRobustList, .forgetsGuardian, .trustsTheDead, .losesJournal,
      .forgetsServing, .losesRecords, .usesCellsTwice, .losesCells,
    ])
  func canary(fault: Fault) {
    for var scenario in Self.short + [Self.room] {
      scenario.fault = fault
      scenario.limit = 40_000
      let report = scenario.explore()
      if report.violation != nil { return }
      if !scenario.mayWaitForLock && report.boundedLockWaits != 0 { return }
    }
    Issue.record("no exploration noticed \(fault)")
  }
}
