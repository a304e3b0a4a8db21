import Testing

@testable import OmegaSimulation

/// Semantics B1: creation and control, as far as the engine decides it. Creation limits, permissions,
/// unknown commands and bad pointers are the Linux layer's.
@Suite struct ControlTests {
  @Test("B1.3 a new set is zero, without otime, with ctime")
  func newSet() {
    let bench = Bench([0, 0])
    #expect(bench.values == [0, 0])
    #expect(bench.pid(0) == 0 && bench.pid(1) == 0)
    #expect(bench.otime == 0)
    #expect(bench.ctime == bench.now)
  }

  @Test("B1.4 IPC_SET changes owner, group and nine mode bits, and ctime only")
  func setPermissions() {
    let bench = Bench([3])
    bench.pass(seconds: 5)
    let outcome = bench.simulation.setPermissions(bench.observer.first, id: 7, mode: 0o7640)
    #expect(outcome == .success)
    let permissions = bench.simulation.permissions
    #expect(permissions.uid == 7 && permissions.gid == 7 && permissions.mode == 0o640)
    #expect(permissions.cuid == 0 && permissions.cgid == 0)
    #expect(bench.ctime == bench.now && bench.otime == 0 && bench.value() == 3)
  }

  @Test("B1.5 SETVAL zeroes the semaphore's adjustment in every process, and only that")
  func setValueClearsAdjustments() {
    let bench = Bench([5, 5])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo), .add(-2, on: 1, Flag.undo)) == .success)
    #expect(bench.semop(b, .add(-3, Flag.undo)) == .success)
    bench.setValue(9)
    bench.kill(a)
    bench.kill(b)
    #expect(bench.values == [9, 5])
  }

  @Test("B1.5 SETVAL stores sempid and ctime; otime only when a sleeper completed")
  func setValueTimes() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    bench.pass(seconds: 3)
    bench.setValue(0, by: a)
    #expect(bench.pid() == bench.simulation.pid(a))
    #expect(bench.ctime == bench.now && bench.otime == 0)
    #expect(bench.semop(b, .add(-2)) == .asleep)
    bench.pass(seconds: 3)
    bench.setValue(2, by: a)
    #expect(bench.outcome(b) == .success)
    #expect(bench.otime == bench.now && bench.value() == 0)
    #expect(bench.pid() == bench.simulation.pid(b))
  }

  @Test("B1.5 SETVAL re-scans as if every semaphore had changed")
  func setValueServes() {
    let bench = Bench([1, 1])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .zero(), .zero(on: 1)) == .asleep)
    #expect(bench.semop(b, .add(-1), .add(-2, on: 1)) == .asleep)
    #expect(bench.semop(c, .zero(on: 1)) == .asleep)
    bench.setValue(2, on: 1)
    #expect(bench.outcome(b) == .success && bench.outcome(a) == .success)
    #expect(bench.outcome(c) == .success)
    #expect(bench.values == [0, 0])
  }

  @Test("B1.5 SETALL sets all values, pids and ctime, and clears all adjustments")
  func setAll() {
    let bench = Bench([5, 5])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo), .add(-2, on: 1, Flag.undo)) == .success)
    #expect(bench.semop(b, .add(-9, on: 1)) == .asleep)
    bench.pass(seconds: 2)
    #expect(bench.simulation.setAll(c.first, [1, 9]) == .success)
    #expect(bench.outcome(b) == .success)
    #expect(bench.values == [1, 0] && bench.ctime == bench.now)
    #expect(bench.pid(0) == bench.simulation.pid(c) && bench.pid(1) == bench.simulation.pid(b))
    bench.kill(a)
    #expect(bench.values == [1, 0])
  }

  @Test("B1.6 a sleeper counts on the first operation that could not proceed, and that moves")
  func counts() {
    let bench = Bench([0, 0, 1])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1), .add(-1, on: 1), .add(1, on: 2)) == .asleep)
    #expect(bench.counts(0) == [1, 0] && bench.counts(1) == [0, 0])
    #expect(bench.semop(b, .add(1)) == .success)
    #expect(bench.counts(0) == [0, 0] && bench.counts(1) == [1, 0])
    // An alter call that waits for zero counts there.
    #expect(bench.semop(b, .zero(on: 2), .add(1, on: 2)) == .asleep)
    #expect(bench.counts(2) == [0, 1])
  }

  @Test("B1.7 otime: success of any kind, by whomever; ctime: control only")
  func times() {
    let bench = Bench([1])
    let (a, b) = (bench.process(), bench.process())
    let created = bench.ctime
    bench.pass(seconds: 1)
    #expect(bench.semop(a, .zero(Flag.noWait)) == .again)
    #expect(bench.otime == 0)
    #expect(bench.semop(a, .add(-1)) == .success)
    #expect(bench.otime == bench.now)
    bench.pass(seconds: 1)
    #expect(bench.semop(a, .zero()) == .success)
    #expect(bench.otime == bench.now)
    bench.pass(seconds: 1)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(bench.otime == bench.now - 1)
    bench.pass(seconds: 1)
    #expect(bench.semop(a, .add(1)) == .success)
    #expect(bench.outcome(b) == .success && bench.otime == bench.now)
    #expect(bench.ctime == created)
  }

  @Test("B1.8 sempid: every semaphore named, op 0 too, not by failures; the sleeper's own")
  func pids() {
    let bench = Bench([0, 0, 4])
    let (a, b) = (bench.process(), bench.process())
    let (first, second) = (bench.simulation.pid(a), bench.simulation.pid(b))
    #expect(bench.semop(a, .zero(), .add(2, on: 1)) == .success)
    #expect(bench.pid(0) == first && bench.pid(1) == first)
    #expect(bench.semop(b, .add(-3, on: 1, Flag.noWait)) == .again)
    #expect(bench.pid(1) == first)
    #expect(bench.semop(b, .add(-3, on: 1)) == .asleep)
    #expect(bench.semop(a, .add(1, on: 1)) == .success)
    #expect(bench.outcome(b) == .success && bench.pid(1) == second)
    #expect(bench.semop(b, .zero()) == .success && bench.pid(0) == second)
  }

  @Test("no memory for a sleeper or an undo record is ENOMEM and changes nothing")
  func noMemory() {
    let bench = Bench([1])
    let a = bench.process()
    bench.simulation.claims = 0
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .failed(.noMemory))
    #expect(bench.semop(a, .add(-2)) == .failed(.noMemory))
    bench.simulation.claims = 2
    #expect(bench.semop(a, .add(-2)) == .failed(.noMemory))
    bench.simulation.claims = -1
    #expect(bench.value() == 1 && bench.counts() == [0, 0])
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
  }
}
