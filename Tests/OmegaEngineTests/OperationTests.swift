import Testing

@testable import OmegaSimulation

/// Semantics B2: semop. The order of argument checks and permissions are the Linux layer's (B2.1, B2.2).
@Suite struct OperationTests {
  @Test("B2.3 operations run in array order on running values")
  func arrayOrder() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(1), .add(-1)) == .success && bench.value() == 0)
    #expect(bench.semop(a, .add(-1), .add(1)) == .asleep)
    #expect(bench.semop(b, .zero(), .add(1)) == .success)
    #expect(bench.outcome(a) == .success && bench.value() == 1)
  }

  @Test("B2.3 many operations on one semaphore, also of those 64 apart")
  func duplicates() {
    let bench = Bench(Array(repeating: 0, count: 66))
    let a = bench.process()
    #expect(
      bench.semop(a, .add(3, on: 1), .add(-1, on: 65, Flag.noWait), .add(-3, on: 1)) == .again)
    #expect(
      bench.semop(a, .add(3, on: 1), .add(2, on: 65), .add(-3, on: 1), .zero(on: 1)) == .success)
    #expect(bench.value(1) == 0 && bench.value(65) == 2)
  }

  @Test("B2.4 the first problem wins")
  func firstProblem() {
    let bench = Bench([0, 32767])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.noWait), .add(1, on: 1)) == .again)
    #expect(bench.semop(a, .add(1, on: 1), .add(-1, Flag.noWait)) == .outOfRange)
    // Transient overflow counts.
    #expect(bench.semop(a, .add(32767), .add(1), .add(-1)) == .outOfRange)
    // IPC_NOWAIT on an operation that does not block is irrelevant.
    #expect(bench.semop(a, .add(1, Flag.noWait), .add(-2), .add(1, on: 1)) == .asleep)
    #expect(bench.semop(b, .add(-1), .zero(Flag.noWait)) == .asleep)
    #expect(bench.values == [0, 32767])
  }

  @Test("B2.5 what blocks: 0 on a value, less than nothing; -32768 blocks")
  func blocking() {
    let bench = Bench([32767])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-32768)) == .asleep)
    #expect(bench.semop(b, .zero(Flag.noWait)) == .again)
    #expect(bench.semop(b, .add(-32767, Flag.noWait)) == .success)
    #expect(bench.outcome(a) == .asleep && bench.value() == 0)
  }

  @Test("B2.6 the adjustment's range is checked per operation, after the value's")
  func undoRange() {
    let bench = Bench([0, 32767])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(32767, Flag.undo)) == .success)
    #expect(bench.semop(b, .add(-32767)) == .success)
    #expect(bench.semop(a, .add(1, Flag.undo)) == .success)  // -32768 is in range.
    #expect(bench.semop(a, .add(1, Flag.undo)) == .outOfRange)
    #expect(bench.semop(a, .add(1, Flag.undo), .add(-1, Flag.undo)) == .outOfRange)
    #expect(bench.semop(a, .add(-1, Flag.undo), .add(1, Flag.undo)) == .success)
    #expect(bench.value() == 1)
    // The other end, and the value first.
    #expect(bench.semop(b, .add(-32767, on: 1, Flag.undo)) == .success)
    #expect(bench.semop(a, .add(1, on: 1)) == .success)
    #expect(bench.semop(b, .add(-1, on: 1, Flag.undo)) == .outOfRange)
    #expect(bench.semop(b, .add(-2, on: 1, Flag.undo | Flag.noWait)) == .again)
    #expect(bench.values == [1, 1])
  }

  @Test("B2.6 operation 0 with SEM_UNDO changes no adjustment and makes a record")
  func undoOfZero() {
    let bench = Bench([0])
    let a = bench.process()
    #expect(bench.semop(a, .zero(Flag.undo)) == .success)
    bench.pass(seconds: 2)
    bench.kill(a)
    #expect(bench.otime == bench.now && bench.value() == 0)  // B2u.2: the record's end sets otime.
  }

  @Test("B2.7 nothing changes on a block or an error")
  func allOrNothing() {
    let bench = Bench([1, 0])
    let (a, b) = (bench.process(), bench.process())
    let before = (bench.otime, bench.pid(0), bench.pid(1))
    bench.pass(seconds: 1)
    #expect(
      bench.semop(a, .add(-1, Flag.undo), .add(5, on: 1), .add(-1, Flag.noWait | Flag.undo))
        == .again)
    #expect(bench.semop(a, .add(-1, Flag.undo), .add(32767, on: 1), .add(1, on: 1)) == .outOfRange)
    #expect(bench.semop(b, .add(-1, Flag.undo), .add(-1, on: 1, Flag.undo)) == .asleep)
    #expect(bench.values == [1, 0])
    #expect(before == (bench.otime, bench.pid(0), bench.pid(1)))
    #expect(bench.simulation.livingAdjustments() == [0, 0])
  }

  @Test("B2.8 success changes values, adjustments, sempid of all named, otime")
  func success() {
    let bench = Bench([2, 0, 0])
    let a = bench.process()
    bench.pass(seconds: 1)
    #expect(bench.semop(a, .add(-2, Flag.undo), .add(3, on: 1), .zero(on: 2)) == .success)
    #expect(bench.values == [0, 3, 0])
    #expect(bench.simulation.livingAdjustments() == [2, 0, 0])
    #expect((0..<3).allSatisfy { bench.pid($0) == bench.simulation.pid(a) })
    #expect(bench.otime == bench.now)
  }

  @Test("B2.9 the waker performs the sleeper's operations and charges the sleeper's record")
  func handOver() {
    let bench = Bench([0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .asleep)
    // Not settled in between: the sleeper has not run yet, and the token cannot be stolen.
    bench.simulation.begin(b.first, bench.simulation.operate([.add(1)]))
    bench.simulation.world.resume(b.first.slot)
    #expect(bench.simulation.semop(c.first, [.add(-1, Flag.noWait)]) == .again)
    #expect(bench.outcome(a) == .success && bench.outcome(b) == .success)
    #expect(bench.pid() == bench.simulation.pid(a))
    bench.kill(a)
    #expect(bench.value() == 1)
  }

  @Test("B2.10 a sleeper completed with ERANGE or EAGAIN, nothing applied")
  func completedWithError() {
    let bench = Bench([0, 32767, 0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1), .add(1, on: 1)) == .asleep)
    #expect(bench.semop(b, .add(-1), .add(-1, on: 2, Flag.noWait)) == .asleep)
    #expect(bench.semop(c, .add(1)) == .success)
    #expect(bench.outcome(a) == .outOfRange && bench.outcome(b) == .again)
    #expect(bench.values == [1, 32767, 0] && bench.pid() == bench.simulation.pid(c))
  }

  @Test("B2.11 wait-for-zero calls come before all others, whatever their age")
  func zeroFirst() {
    let bench = Bench([1])
    let (a, b, c, d) = (bench.process(), bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .zero(), .add(1)) == .asleep)
    #expect(bench.semop(b, .zero()) == .asleep)
    #expect(bench.semop(c, .zero()) == .asleep)
    #expect(bench.semop(d, .add(-1)) == .success)
    #expect([a, b, c].allSatisfy { bench.outcome($0) == .success })
    #expect(bench.value() == 1)
  }

  @Test("B2.11 alter sleepers oldest first; one that cannot proceed does not block those behind")
  func skipping() {
    let bench = Bench([0])
    let (a, b, c, d) = (bench.process(), bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2)) == .asleep)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(bench.semop(c, .add(-1)) == .asleep)
    #expect(bench.semop(d, .add(1)) == .success)
    #expect(bench.outcome(a) == .asleep && bench.outcome(b) == .success)
    #expect(bench.outcome(c) == .asleep)
    #expect(bench.semop(d, .add(2)) == .success)
    #expect(bench.outcome(a) == .success && bench.outcome(c) == .asleep)
  }

  @Test("B2.11 after a completion the scan serves zero again and restarts at the oldest")
  func restart() {
    let bench = Bench([0, 0])
    let (a, b, c, d) = (bench.process(), bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, on: 1), .add(-1)) == .asleep)
    #expect(bench.semop(b, .add(-1), .add(1, on: 1), .add(1)) == .asleep)
    #expect(bench.semop(c, .zero(), .zero(on: 1)) == .success)
    #expect(bench.semop(d, .add(1)) == .success)
    #expect(bench.outcome(a) == .success && bench.outcome(b) == .success)
    #expect(bench.values == [0, 0])
  }

  @Test("B2.11 a newcomer barges past sleepers that cannot be satisfied now")
  func barging() {
    let bench = Bench([1])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2)) == .asleep)
    #expect(bench.semop(b, .add(-1)) == .success)
    #expect(bench.outcome(a) == .asleep && bench.value() == 0)
  }

  @Test("B2.11 an increase on one semaphore serves a sleeper of several")
  func severalAcross() {
    let bench = Bench([0, 0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1), .add(-1, on: 1)) == .asleep)
    #expect(bench.semop(b, .add(-1, on: 1)) == .asleep)
    #expect(bench.semop(c, .add(1)) == .success)
    #expect(bench.semop(c, .add(1, on: 1)) == .success)
    #expect(bench.outcome(a) == .success && bench.outcome(b) == .asleep)
  }

  @Test("B2.12 a signal handler ends a sleep with EINTR")
  func interrupted() {
    let bench = Bench([0])
    let a = bench.process()
    #expect(bench.semop(a, .add(-1)) == .asleep)
    bench.simulation.interrupt(a.first)
    #expect(bench.outcome(a) == .interrupted && bench.counts() == [0, 0])
    bench.check()
  }

  @Test("B2.13 a completed call has its result, though a signal or the deadline came first")
  func completionWins() {
    for reason in [WakeReason.interrupted, .timedOut] {
      let bench = Bench([0])
      let (a, b) = (bench.process(), bench.process())
      #expect(bench.semop(a, .add(-1), timeout: 1000) == .asleep)
      bench.simulation.begin(b.first, bench.simulation.operate([.add(1)]))
      bench.simulation.world.resume(b.first.slot)
      bench.simulation.world.state.threads[a.first.slot].wakeReason = reason
      #expect(bench.outcome(a) == .success && bench.value() == 0)
      bench.check()
    }
  }

  @Test("B2.14 a timeout is EAGAIN, at once when it is zero")
  func timeout() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1), timeout: 0) == .again)
    #expect(bench.semop(a, .add(1), timeout: 0) == .success)
    #expect(bench.semop(a, .add(-2), timeout: 5000) == .asleep)
    bench.simulation.pass(nanoseconds: 4999)
    #expect(bench.outcome(a) == .asleep)
    bench.simulation.pass(nanoseconds: 1)
    #expect(bench.outcome(a) == .again && bench.counts() == [0, 0])
    #expect(bench.semop(b, .add(-1)) == .success)
  }

  @Test("B2.15 removal: EIDRM for every sleeper and for later calls")
  func removal() {
    let bench = Bench([0, 1])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .asleep)
    #expect(bench.semop(b, .add(-1), .zero(on: 1)) == .asleep)
    #expect(bench.semop(c, .zero(on: 1)) == .asleep)
    #expect(bench.simulation.remove(bench.observer.first) == .success)
    #expect([a, b, c].allSatisfy { bench.outcome($0) == .removed })
    #expect(bench.semop(a, .add(1)) == .removed)
    #expect(bench.simulation.remove(bench.observer.first) == .removed)
  }

  @Test("B2.16 500 operations in a call, done at once or asleep")
  func manyOperations() {
    let bench = Bench([0, 0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    let many = (0..<500).map { Operation.add($0 % 2 == 0 ? 2 : -1, Flag.undo) }
    #expect(bench.simulation.semop(a.first, many) == .success)
    #expect(bench.value() == 250)
    let waiting = [Operation.add(-1, on: 1)] + many.dropFirst()
    #expect(bench.simulation.semop(b.first, waiting) == .asleep)
    bench.check()
    #expect(bench.semop(c, .add(1, on: 1)) == .success)
    #expect(bench.outcome(b) == .success && bench.values == [250 + 248, 0])
    bench.kill(a)
    bench.kill(b)
    #expect(bench.values == [0, 0])
  }
}
