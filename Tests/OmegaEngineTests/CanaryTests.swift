import Testing

@testable import OmegaSimulation

/// The suite can fail: the engine or its host is broken on purpose, and somebody notices.
@Suite struct CanaryTests {
  @Test("a sound engine gives no alarm")
  func noFault() {
    for seed in UInt64(1)...20 {
      var schedule = RandomSchedule(seed: seed, RandomSchedule.Options())
      #expect(schedule.run().violation == nil)
    }
  }

  @Test(
    "random schedules notice a broken engine",
    arguments: [
      Fault.losesWakes, .forgetsRobustList, .forgetsGuardian, .trustsTheDead, .stealsLocks,
      .losesJournal, .losesAdjustments, .losesSlowBits,
    ])
  func schedules(fault: Fault) {
    for seed in UInt64(1)...400 {
      var options = RandomSchedule.Options()
      options.fault = fault
      options.kills = 8
      options.meanRun = [1, 4, 20, 100][Int(seed % 4)]
      options.semaphores = 1 + Int(seed % 2)
      var schedule = RandomSchedule(seed: seed, options)
      if schedule.run().violation != nil { return }
    }
    Issue.record("400 seeds did not notice \(fault)")
  }

  @Test(
    "explorations notice a broken engine",
    arguments: [
      Fault.losesWakes, .forgetsRobustList, .trustsTheDead, .losesJournal, .forgetsServing,
      .watchesNobody,
    ])
  func explorations(fault: Fault) {
    var holder = Scenario("holder | P", values: [1], [[[]], [[.semop([.add(-1)])]]])
    holder.before = [[.semop([.add(-1, Flag.undo)])]]
    let handOver = Scenario("P | V", values: [0], [[[.semop([.add(-1)])]], [[.semop([.add(1)])]]])
    for var scenario in [holder, handOver] {
      scenario.kills = 1
      scenario.fault = fault
      scenario.limit = 40_000
      if scenario.explore().violation != nil { return }
    }
    Issue.record("no exploration noticed \(fault)")
  }

  /// Random schedules seldom stop after a death: the next call settles it, and whoever loses a fellow
  /// sleeper looks around. So this is placed.
  @Test("a death that nobody watches is noticed")
  func watching() {
    for fault in [Fault.none, .watchesNobody] {
      let bench = Bench([1])
      let (holder, sleeper) = (bench.process(), bench.process())
      #expect(bench.semop(holder, .add(-1, Flag.undo)) == .success)
      bench.simulation.fault = fault
      #expect(bench.semop(sleeper, .add(-1)) == .asleep)
      bench.simulation.kill(holder)
      bench.simulation.settle()
      #expect((bench.simulation.forgottenSleeper() == nil) == (fault == .none))
    }
  }

  @Test("who decides for an owner without waiting for its instruction loses a store")
  func instructions() {
    var scenario = ExplorationTests.impatient
    scenario.kills = 0
    #expect(scenario.explore().violation == nil)
    scenario.fault = .waitsForNoInstruction
    #expect(scenario.explore().violation != nil)
  }

  @Test("a lock that forgets to wake costs time, which the exploration counts")
  func lockWakes() {
    var scenario = Scenario("remove | P", values: [0], [[[.remove]], [[.semop([.add(-1)])]]])
    #expect(scenario.explore().boundedLockWaits == 0)
    scenario.fault = .losesLockWakes
    #expect(scenario.explore().boundedLockWaits > 0)
  }
}
