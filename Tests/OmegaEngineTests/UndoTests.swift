import Testing

@testable import OmegaSimulation

/// Semantics B2u: SEM_UNDO. (Which set of several is undone first is the Linux layer's.)
@Suite struct UndoTests {
  @Test("B2u.1 all threads of a process share one list; a thread's end does nothing")
  func threads() {
    let bench = Bench([3])
    let a = bench.process()
    let second = bench.simulation.startThread(of: a)
    #expect(bench.simulation.semop(second, [.add(-1, Flag.undo)]) == .success)
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    bench.simulation.end(second)
    #expect(bench.value() == 1)
    bench.kill(a)
    #expect(bench.value() == 3)
  }

  @Test("B2u.1 the first thread's end does nothing while others live")
  func firstThread() {
    let bench = Bench([3])
    let a = bench.process()
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    let second = bench.simulation.startThread(of: a)
    bench.simulation.end(a.first)
    #expect(bench.value() == 2)
    // The next operation puts the life word into a living thread's robust list.
    #expect(bench.simulation.semop(second, [.add(-1, Flag.undo)]) == .success)
    #expect(bench.value() == 1)
    bench.kill(a)
    #expect(bench.value() == 3)
  }

  @Test("B2u.1 a new process starts empty; exec keeps the list")
  func exec() {
    let bench = Bench([3])
    let a = bench.process()
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    let child = bench.process()
    bench.kill(child)
    #expect(bench.value() == 2)
    let again = bench.simulation.exec(a)
    #expect(bench.value() == 2)
    #expect(bench.semop(again, .add(-1, Flag.undo)) == .success)
    #expect(bench.value() == 1)
    bench.kill(again)
    #expect(bench.value() == 3)
  }

  @Test("B2u.1 exec while another thread sleeps: its call is gone")
  func execLeavesSleepers() {
    let bench = Bench([0])
    let a = bench.process()
    let second = bench.simulation.startThread(of: a)
    #expect(bench.simulation.semop(second, [.add(-1, Flag.undo)]) == .asleep)
    let again = bench.simulation.exec(a)
    #expect(bench.semop(again, .add(1, Flag.undo)) == .success)
    #expect(bench.value() == 1 && bench.counts() == [0, 0])
    bench.kill(again)
    #expect(bench.value() == 0)
  }

  @Test("B2u.2 the end adds the adjustments, clamped, with its own pid and otime, not ctime")
  func application() {
    let bench = Bench([5, 0, 32767])
    let (a, b) = (bench.process(), bench.process())
    #expect(
      bench.semop(a, .add(-2, Flag.undo), .add(4, on: 1, Flag.undo), .add(-9, on: 2, Flag.undo))
        == .success)
    #expect(bench.semop(b, .add(-3, on: 1), .add(5, on: 2)) == .success)
    let created = bench.ctime
    bench.pass(seconds: 2)
    bench.kill(a)
    #expect(bench.values == [5, 0, 32767])
    #expect((0..<3).allSatisfy { bench.pid($0) == bench.simulation.pid(a) })
    #expect(bench.otime == bench.now && bench.ctime == created)
  }

  @Test("B2u.2 the end wakes whom it lets go on")
  func endServes() {
    let bench = Bench([1, 1])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo), .add(1, on: 1, Flag.undo)) == .success)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(bench.semop(c, .add(-1), .add(1, on: 1), .zero(on: 1)) == .asleep)
    bench.kill(a)
    #expect(bench.outcome(b) == .success && bench.outcome(c) == .asleep)
    #expect(bench.value(1) == 1)
  }

  @Test(
    "B2u.2 otime is bumped even when the only operation with SEM_UNDO failed or nothing remains")
  func otimeQuirk() {
    for operations in [
      [[Operation.add(-5, Flag.undo | Flag.noWait)]],
      [[Operation.add(-1, Flag.undo)], [Operation.add(1, Flag.undo)]],
    ] {
      let bench = Bench([1])
      let a = bench.process()
      for call in operations { _ = bench.simulation.semop(a.first, call) }
      bench.pass(seconds: 3)
      bench.kill(a)
      #expect(bench.value() == 1 && bench.otime == bench.now)
    }
  }

  @Test("B2u.2 a process without SEM_UNDO leaves otime alone, and its sleeper goes")
  func plainEnd() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1)) == .asleep)
    bench.pass(seconds: 3)
    bench.kill(a)
    #expect(bench.otime == 0 && bench.counts() == [0, 0])
    #expect(bench.semop(b, .add(1)) == .success && bench.value() == 1)
  }

  @Test("B2u.3 leaving applies the list at once")
  func leaving() throws {
    let bench = Bench([2])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2, Flag.undo)) == .success)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(bench.simulation.leave(a.first) == .success)
    #expect(bench.outcome(b) == .success && bench.value() == 1)
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    bench.kill(a)
    #expect(bench.value() == 1)
  }

  @Test("B2u.4 removal drops the records")
  func removal() {
    let bench = Bench([2])
    let a = bench.process()
    #expect(bench.semop(a, .add(-2, Flag.undo)) == .success)
    #expect(bench.simulation.remove(bench.observer.first) == .success)
    bench.simulation.kill(a)
    #expect(bench.simulation.remove(bench.observer.first) == .removed)
    #expect(bench.simulation.world.set.word(0).value == 0)
  }

  @Test("B2u.5 SETVAL while a sleeper with SEM_UNDO is completed by it: the sleeper's stays")
  func setValueThenHold() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .asleep)
    bench.setValue(1, by: b)
    #expect(bench.outcome(a) == .success && bench.value() == 0)
    bench.kill(a)
    #expect(bench.value() == 1)
  }

  @Test("B2u.7 a pid used again is another process")
  func pidReuse() {
    let bench = Bench([2])
    let a = bench.process()
    #expect(bench.semop(a, .add(-2, Flag.undo)) == .success)
    let pid = bench.simulation.pid(a)
    bench.simulation.kill(a)
    let b = bench.simulation.startProcess(pid: pid)
    #expect(bench.semop(b, .add(-1, Flag.undo)) == .success)
    #expect(bench.value() == 1)
    bench.kill(b)
    #expect(bench.value() == 2)
  }

  @Test("fourteen members hold adjustments of one semaphore")
  func manyHolders() {
    let bench = Bench([400])
    var processes: [ProcessID] = []
    // Processes end in groups, for a simulation has sixteen at a time.
    for _ in 0..<14 {
      let process = bench.process()
      #expect(bench.simulation.semop(process.first, [.add(-1, Flag.undo)]) == .success)
      processes.append(process)
    }
    #expect(bench.value() == 386)
    for process in processes { bench.kill(process) }
    #expect(bench.value() == 400)
  }

  @Test("undo epochs wrap: SETVAL 70 times, then holders again")
  func epochs() {
    let bench = Bench([1])
    let a = bench.process()
    for _ in 0..<70 {
      #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
      bench.setValue(1)
      #expect(bench.simulation.livingAdjustments() == [0])
    }
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    bench.kill(a)
    #expect(bench.value() == 1)
  }
}
