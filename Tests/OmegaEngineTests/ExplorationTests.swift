import Testing

@testable import OmegaSimulation

/// Every interleaving of small systems, with a death at every point: no lost wake-up, no deadlock, no
/// token lost or granted twice, and nobody goes on only because a bounded wait ended.
@Suite(.serialized) struct ExplorationTests {
  private static let take = Plan.semop([.add(-1)])
  private static let give = Plan.semop([.add(1)])
  private static let hold = Plan.semop([.add(-1, Flag.undo)])
  private static let free = Plan.semop([.add(1, Flag.undo)])

  /// Makes its process a member and changes nothing.
  private static let idle = Plan.semop([.zero(on: 0, Flag.undo | Flag.noWait)])

  /// Values, calls of each process, and what they did before.
  private static func scenario(
    _ name: String, _ values: [Int], kills: Int, mortal: Set<Int>? = nil,
    before: [[Plan]] = [], _ processes: [[Plan]]
  ) -> Scenario {
    var scenario = Scenario(name, values: values, processes.map { [$0] })
    scenario.kills = kills
    scenario.mortal = mortal
    scenario.before = before
    return scenario
  }

  /// Members already, with an undo record: the calls themselves are explored, not the first use.
  private static let members = [[free, hold], [free, hold]]

  /// The other does not wait for the owner of two operations, but decides for it.
  static var impatient: Scenario {
    var scenario = scenario(
      "two operations, decided by another", [2, 2], kills: 1, mortal: [0], before: members,
      [
        [.semop([.add(-1), .add(-1, on: 1, Flag.undo)])],
        [.semop([.add(-1, on: 1, Flag.undo | Flag.noWait)])],
      ])
    scenario.isImpatient = true
    return scenario
  }

  static let short: [Scenario] = [
    scenario("a sleeper and its waker, one death", [0], kills: 1, [[take], [give]]),
    scenario("a holder's death wakes a sleeper", [1], kills: 1, before: [[hold]], [[], [take]]),
    scenario("… a sleeper that becomes a holder", [1], kills: 1, before: [[hold]], [[], [hold]]),
    scenario("… and the sleeper dies too", [1], kills: 2, before: [[hold]], [[], [hold]]),
    scenario("wait for zero", [1], kills: 0, [[.semop([.zero()])], [take]]),
    scenario("a removal and a sleeper", [0], kills: 0, [[.remove], [take]]),
    scenario("SETVAL and a sleeper", [0], kills: 0, before: members, [[.setValue(0, 1)], [hold]]),
    scenario("lock by two, lock-free", [2], kills: 1, before: members, [[hold], [hold]]),
    scenario(
      "two operations against one, lock-free", [2, 2], kills: 1, before: members,
      [[.semop([.add(-1), .add(-1, on: 1, Flag.undo)])], [hold]]),
    impatient,
  ]

  static let long: [Scenario] =
    short + [
      scenario(
        "lock and unlock by two, lock-free, one death", [2], kills: 1, before: members,
        [[hold, free], [hold, free]]),
      scenario(
        "two operations each, crosswise, one death", [2, 2], kills: 1, before: members,
        [
          [.semop([.add(-1), .add(-1, on: 1, Flag.undo)])],
          [.semop([.add(-1, on: 1, Flag.undo), .add(-1)])],
        ]),
      scenario("a removal and a sleeper, one death", [0], kills: 1, [[.remove], [take]]),
      scenario("wait for zero, one death", [1], kills: 1, [[.semop([.zero()])], [take]]),
      scenario("a sleeper with undo, one death", [0], kills: 1, [[hold], [give]]),
      scenario("SETVAL and a sleeper, one death", [0], kills: 1, [[.setValue(0, 1)], [hold]]),
      scenario(
        "a holder that releases or dies", [1], kills: 1, before: [[hold]], [[free], [take]]),
      scenario(
        "a mutex by two, one death", [1], kills: 1, before: members, [[hold, free], [hold, free]]),
      scenario(
        "two semaphores, given one by one", [0, 0], kills: 1,
        [[.semop([.add(-1), .add(-1, on: 1)])], [give, .semop([.add(1, on: 1)])]]),
      scenario(
        "a new holder is watched", [1], kills: 1, before: members,
        [[.semop([.add(-2)])], [hold, give]]),
    ]

  @Test("all interleavings of small systems", arguments: Seeds.isLong ? long : short)
  func everything(scenario: Scenario) {
    var scenario = scenario
    scenario.limit = 20_000_000
    let report = scenario.explore()
    print(report)
    #expect(report.violation == nil)
    #expect(report.isComplete)
    #expect(report.boundedLockWaits == 0)
  }

  /// Three processes have more states than a test can visit: these are the first of them, depth first.
  @Test(
    "three processes, as far as twenty million states",
    .enabled(if: Seeds.isLong, "only with OMEGA_TEST_LONG=1"))
  func three() {
    var scenario = Self.scenario(
      "the death of a holder and two sleepers", [1], kills: 1, mortal: [0],
      before: [[Self.hold], [Self.idle], [Self.idle]], [[], [Self.hold], [Self.take]])
    scenario.limit = 20_000_000
    let report = scenario.explore()
    print(report)
    #expect(report.violation == nil && report.boundedLockWaits == 0)
  }

  /// Here a sleeper may wait for the lock when its worker, whose guardian it is, dies: it goes on when
  /// that bounded wait ends.
  @Test(
    "all interleavings with a deadline, one death",
    .enabled(if: Seeds.isLong, "only with OMEGA_TEST_LONG=1"))
  func deadline() {
    var scenario = Self.scenario(
      "a sleeper that times out", [0], kills: 1,
      [[.wait([.add(-1)], timeout: 1000)], [Self.give]])
    scenario.interruptions = 1
    let report = scenario.explore()
    print(report)
    #expect(report.violation == nil && report.isComplete)
  }
}
