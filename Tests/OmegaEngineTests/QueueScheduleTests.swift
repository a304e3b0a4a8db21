import Testing

@testable import OmegaSimulation

/// Queues under random switches and deaths, and every interleaving of small systems with queues.
@Suite(.serialized) struct QueueScheduleTests {
  static func options(_ seed: UInt64, threads: Int) -> RandomSchedule.Options {
    var options = RandomSchedule.Options()
    options.queueBytes = [16, 40, 100, 1000][Int(seed % 4)]
    options.threadsPerProcess = threads
    options.meanRun = [1, 4, 20, 100][Int(seed / 4 % 4)]
    options.kills = Int(seed % 7)
    options.calls = 80
    return options
  }

  @Test(
    "random switches and deaths: each message once, no sleeper forgotten, no cell or slot lost",
    arguments: [1, 2])
  func schedules(threads: Int) {
    var totals = (points: 0, kills: 0, rests: 0, lockWaits: 0, insured: 0)
    for seed in Seeds.range(200, long: 20_000) {
      var schedule = RandomSchedule(seed: seed, Self.options(seed, threads: threads))
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
      "queues with \(threads) threads a process: \(totals.points) points, \(totals.kills) kills, "
        + "\(totals.rests) checks, \(totals.lockWaits) waits for the lock ended by time, "
        + "\(totals.insured) wake-ups by the insurance")
  }

  @Test(
    "random schedules notice a broken engine",
    arguments: [
      Fault.losesWakes, .forgetsRobustList, .trustsTheDead, .stealsLocks,
      .losesJournal, .losesRecords, .usesCellsTwice, .losesCells,
    ])
  func canary(fault: Fault) {
    for seed in UInt64(1)...400 {
      var options = Self.options(seed, threads: 1)
      options.fault = fault
      options.kills = 8
      var schedule = RandomSchedule(seed: seed, options)
      if let violation = schedule.run().violation {
        print("\(fault): \(violation)")
        return
      }
    }
    Issue.record("400 seeds did not notice \(fault)")
  }
}
