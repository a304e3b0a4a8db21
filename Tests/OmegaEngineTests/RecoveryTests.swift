import Testing

@testable import OmegaSimulation

/// Each branch of the recovery is reached by a death, or a meeting, at a chosen place.
@Suite struct RecoveryTests {
  // MARK: Places

  private func isOpen(_ bench: Bench) -> Bool { bench.image.peek(Header.journalCount) != 0 }

  /// Committed, and sleepers are owed a look.
  private func owes(_ bench: Bench) -> Bool {
    bench.image.peek(Header.needsServe) == 1 && !isOpen(bench)
  }

  private func lock(_ bench: Bench) -> UInt32 { bench.image.peek32(Header.lock) }

  private func futex(_ bench: Bench, _ slot: Int) -> UInt32 {
    bench.image.peek32(bench.simulation.layout.waiter(slot) + Waiter.futex)
  }

  /// A call through the lock: with a timeout, the path for several operations is not tried.
  private func slow(_ bench: Bench, _ operations: Operation...) -> Call {
    bench.simulation.operate(operations, timeout: 1_000_000)
  }

  // MARK: Recovery.swift, ImageLock.swift

  @Test("recover: an open transaction is rolled back; the lock is taken from its dead owner")
  func rollback() {
    let bench = Bench([2, 2])
    let a = bench.process()
    let second = bench.simulation.layout.cell(1)
    #expect(
      bench.simulation.start(a.first, slow(bench, .add(-1, Flag.undo), .add(-2, on: 1))) {
        $0 == .init(access: .store, offset: second) && isOpen(bench)
      })
    bench.simulation.kill(a)
    #expect(isOpen(bench) && lock(bench) & Futex.ownerDied != 0)
    #expect(bench.values == [2, 2])
    #expect(!isOpen(bench))
    bench.check()
  }

  @Test("recover: the recoverer dies too, in the middle of the rollback")
  func rollbackTwice() {
    let bench = Bench([2, 2])
    let (a, b) = (bench.process(), bench.process())
    let second = bench.simulation.layout.cell(1)
    let call = slow(bench, .add(-1), .add(-2, on: 1))
    #expect(
      bench.simulation.start(a.first, call) {
        $0.offset == second && $0.access == .store && bench.image.peek(Header.journalCount) > 1
      })
    bench.simulation.kill(a)
    #expect(
      bench.simulation.start(b.first, call) {
        $0.access == .store && $0.offset == bench.simulation.layout.cell(0)
      })
    bench.simulation.kill(b)
    #expect(isOpen(bench))
    #expect(bench.values == [2, 2])
    bench.check()
  }

  @Test("fromDead: an owner who died after it had a guardian left the lock unmarked")
  func lockWithoutMark() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2)) == .asleep)
    #expect(bench.simulation.start(b.first, slow(bench, .add(1))) { _ in owes(bench) })
    let tid = bench.simulation.world.state.threads[b.first.slot].tid
    bench.simulation.kill(b)
    #expect(lock(bench) & Futex.ownerDied == 0 && lock(bench) & Futex.ownerMask == tid)
    #expect(futex(bench, 0) & Futex.ownerDied != 0)  // The guardian has been told.
    #expect(bench.simulation.isAsleep(a.first) == false)
    // A newcomer comes before the guardian: it asks whether the owner is gone.
    bench.simulation.world.state.threads[a.first.slot].isHeld = true
    #expect(bench.value() == 1)
    bench.simulation.world.state.threads[a.first.slot].isHeld = false
    bench.simulation.settle()
    #expect(bench.outcome(a) == .asleep)
    bench.check()
  }

  @Test("recover: the guardian of a dead worker does the rest of the work, nobody else needed")
  func guardianServes() {
    let bench = Bench([0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2)) == .asleep)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(bench.simulation.start(c.first, slow(bench, .add(1))) { _ in owes(bench) })
    bench.simulation.kill(c)
    bench.simulation.settle()
    #expect(bench.outcome(a) == .asleep && bench.outcome(b) == .success)
    bench.check()
    #expect(bench.value() == 0)
  }

  @Test("recover: a result that was committed is told to its sleeper")
  func committedResult() {
    let bench = Bench([0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2)) == .asleep)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(
      bench.simulation.start(c.first, slow(bench, .add(1))) { _ in
        bench.simulation.status(1) == WaiterStatus.finished && !isOpen(bench)
      })
    #expect(futex(bench, 1) != 0)
    bench.simulation.kill(c)
    bench.simulation.settle()
    #expect(bench.outcome(b) == .success && bench.value() == 0)
    bench.check()
  }

  @Test("recover: a committed result whose sleeper is dead too is freed")
  func committedResultOfTheDead() {
    let bench = Bench([0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-2)) == .asleep)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(
      bench.simulation.start(c.first, slow(bench, .add(1))) { _ in
        bench.simulation.status(1) == WaiterStatus.finished && !isOpen(bench)
      })
    bench.simulation.kill(b)
    bench.simulation.kill(c)
    bench.simulation.settle()
    // The token was taken before the death, as Linux's hand-over would have it.
    #expect(bench.value() == 0 && bench.outcome(a) == .asleep)
    #expect(bench.simulation.status(1) == WaiterStatus.free)
    bench.check()
  }

  @Test("recover: a guardian that is dead as well is relieved, the next takes over")
  func deadGuardian() {
    let bench = Bench([0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-3)) == .asleep)
    #expect(bench.semop(b, .add(-1)) == .asleep)
    #expect(bench.simulation.start(c.first, slow(bench, .add(1))) { _ in owes(bench) })
    #expect(futex(bench, 0) & Futex.waiters != 0)
    bench.simulation.kill(a)
    bench.simulation.kill(c)
    #expect(bench.value() == 0)
    #expect(bench.outcome(b) == .success)
    bench.check()
  }

  @Test("recover: an interrupted removal is finished, sleepers get EIDRM")
  func removal() {
    let bench = Bench([0])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1)) == .asleep)
    #expect(bench.semop(b, .zero(), .add(-1)) == .asleep)
    #expect(bench.simulation.start(c.first, Call(kind: .remove)) { _ in owes(bench) })
    bench.simulation.kill(c)
    bench.simulation.settle()
    #expect(bench.outcome(a) == .removed && bench.outcome(b) == .removed)
    #expect(bench.simulation.remove(bench.observer.first) == .removed)
  }

  @Test("recover: a sleeper whose list came from what was rolled back makes another")
  func rolledBackHolder() {
    let bench = Bench([1])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    #expect(bench.semop(b, .add(-2, Flag.undo | Flag.noWait)) == .again)  // b is a member now.
    // a's release is written and not committed when b looks for holders.
    let cell = bench.simulation.layout.cell(0)
    #expect(bench.simulation.start(b.first, slow(bench, .add(-1))) { $0.access == .sleep })
    #expect(
      bench.simulation.start(a.first, slow(bench, .add(1, Flag.undo), .zero(Flag.undo))) { _ in
        isOpen(bench) && SemaphoreWord(bits: bench.image.peek(cell)).holders == 0
      })
    bench.simulation.kill(a)
    #expect(bench.simulation.finish(b.first) == .success)
    bench.check()
  }

  // MARK: WatchHolders.swift

  @Test(
    "a holder that came while others sleep is watched by one whom its death lets go on",
    arguments: 0..<5)
  func watched(how: Int) {
    let bench = Bench([1, 0])
    let (first, second) = (bench.process(), bench.process())
    let (holder, other) = (bench.process(), bench.process())
    // The oldest sleeper: on another semaphore, or going to leave.
    let semaphore = how == 0 || how == 1 ? 1 : 0
    let timeout: Int64? = how == 4 ? 1_000_000 : nil
    #expect(bench.semop(first, .add(-5, on: semaphore), timeout: timeout) == .asleep)
    #expect(bench.semop(second, .add(-2)) == .asleep)
    #expect(bench.semop(holder, .add(-1, Flag.undo)) == .success)
    switch how {
    case 1: #expect(bench.semop(other, .add(5, on: 1)) == .success)
    case 2: bench.simulation.kill(first)
    case 3: bench.simulation.interrupt(first.first)
    case 4: bench.pass(seconds: 1)
    default: break
    }
    #expect(bench.semop(other, .add(1)) == .success)
    #expect(bench.outcome(second) == .asleep)
    bench.simulation.kill(holder)
    #expect(bench.outcome(second) == .success)
    bench.check()
  }

  // MARK: ApplyUndo.swift

  @Test("bury: a lone adjustment in the word, a contended operation at each of its steps")
  func fastSteps() {
    for steps in 0..<4 {
      let bench = Bench([9])
      let (a, b) = (bench.process(), bench.process())
      #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
      #expect(bench.semop(b, .add(-2, Flag.undo)) == .success)
      #expect(bench.semop(b, .add(-1, Flag.undo)) == .success)
      let word = { SemaphoreWord(bits: bench.image.peek(bench.simulation.layout.cell(0))) }
      #expect(word().holders == 2)
      var left = steps
      let stopped = bench.simulation.start(a.first, semop: [.add(-3, Flag.undo)]) {
        if $0.access == .store || $0.access == .exchange { left -= 1 }
        return left < 0
      }
      #expect(stopped, "step \(steps)")
      if steps >= 2 { #expect(word().mark != 0) }
      bench.simulation.kill(a)
      #expect(bench.value() == 6, "step \(steps)")
      bench.kill(b)
      #expect(bench.value() == 9, "step \(steps)")
    }
  }

  @Test("bury: a call of several operations, undecided and decided, at each of its steps")
  func severalSteps() {
    var phases: Set<UInt64> = []
    for steps in 0..<40 {
      let bench = Bench([5, 5])
      let (a, b) = (bench.process(), bench.process())
      #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
      var left = steps
      let stopped = bench.simulation.start(
        a.first, semop: [.add(-1, Flag.undo), .add(-2, on: 1, Flag.undo)]
      ) {
        if $0.access == .store || $0.access == .exchange { left -= 1 }
        return left < 0
      }
      if !stopped { break }
      if SemaphoreWord(bits: bench.image.peek(bench.simulation.layout.cell(0))).isOneOfSeveral {
        let descriptor = bench.simulation.layout.descriptor(
          bench.simulation.world.state.processes[a.slot].member)
        phases.insert(bench.image.peek(descriptor + Descriptor.status) & 0xFF)
      }
      bench.simulation.kill(a)
      #expect(bench.semop(b, .add(-5), .add(-5, on: 1)) == .success, "step \(steps)")
      #expect(bench.values == [0, 0])
      bench.check()
    }
    #expect(phases == [DescriptorStatus.undecided, DescriptorStatus.decided])
  }

  @Test("a call of several operations without SEM_UNDO is whole or not at all")
  func severalWithoutUndo() {
    for steps in 0..<40 {
      let bench = Bench([5, 5])
      let a = bench.process()
      #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
      #expect(bench.semop(a, .add(1, Flag.undo)) == .success)
      var left = steps
      let stopped = bench.simulation.start(a.first, semop: [.add(-1), .add(-2, on: 1)]) {
        if $0.access == .store || $0.access == .exchange { left -= 1 }
        return left < 0
      }
      if !stopped { break }
      bench.simulation.kill(a)
      let values = bench.values
      #expect(values == [5, 5] || values == [4, 3], "step \(steps): \(values)")
      bench.check()
    }
  }

  @Test("exec by another thread in the middle of a call of several operations")
  func execInSeveral() {
    let bench = Bench([5, 5])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    let second = bench.simulation.startThread(of: a)
    let cell = bench.simulation.layout.cell(1)
    #expect(
      bench.simulation.start(second, semop: [.add(-1), .add(-1, on: 1)]) {
        $0 == .init(access: .exchange, offset: cell)
      })
    let again = bench.simulation.exec(a)
    #expect(bench.semop(b, .add(-1), .add(-1, on: 1)) == .success)
    #expect(bench.values == [3, 4])
    bench.kill(again)
    #expect(bench.values == [4, 4])
  }

  @Test("a call of several operations of an owner that is stopped, at each of its steps")
  func severalStopped() {
    var results: Set<[Int]> = []
    for steps in 0..<60 {
      let bench = Bench([5, 5])
      bench.simulation.world.state.ownerPatience = 3
      let (a, b) = (bench.process(), bench.process())
      #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
      var left = steps
      let stopped = bench.simulation.start(
        a.first, semop: [.add(-1, Flag.undo), .add(-2, on: 1, Flag.undo)]
      ) {
        if $0.access == .store || $0.access == .exchange { left -= 1 }
        return left < 0
      }
      if !stopped { break }
      #expect(bench.semop(b, .add(-1), .add(-1, on: 1)) == .success, "step \(steps)")
      results.insert(bench.values)
      #expect(bench.simulation.finish(a.first) == .success, "step \(steps)")
      #expect(bench.values == [2, 2], "step \(steps)")
      bench.kill(a)
      #expect(bench.values == [4, 4], "step \(steps)")
      bench.check()
    }
    #expect(results == [[3, 4], [2, 2]])
  }

  @Test("a scribbled mark of a living member's present call is settled after a while")
  func scribbledPresentMark() {
    for status in [DescriptorStatus.idle, DescriptorStatus.undecided, DescriptorStatus.decided] {
      let bench = Bench([5, 5])
      bench.simulation.world.state.ownerPatience = 3
      let (a, b) = (bench.process(), bench.process())
      #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
      #expect(bench.semop(a, .add(1, Flag.undo)) == .success)
      let member = bench.simulation.world.state.processes[a.slot].member
      let layout = bench.simulation.layout
      let descriptor = layout.descriptor(member)
      let sequence: UInt64 = 1
      bench.image.poke(
        DescriptorStatus.word(status, count: 2, tid: 77, sequence: sequence),
        descriptor + Descriptor.status)
      let mark = SeveralMark(member: member, sequence: sequence)
      // The one names a word that is marked by it again, the other is not in the descriptor.
      let first = SemaphoreWord(bits: bench.image.peek(layout.cell(0))).marked(mark)
      bench.image.poke(UInt64(layout.cell(0)), descriptor + Descriptor.entry(0))
      bench.image.poke(first.bits, descriptor + Descriptor.entry(0) + 8)
      bench.image.poke(first.bits, descriptor + Descriptor.entry(0) + 16)
      bench.image.poke(first.bits, layout.cell(0))
      let second = SemaphoreWord(bits: bench.image.peek(layout.cell(1))).marked(mark)
      bench.image.poke(second.bits, layout.cell(1))
      #expect(bench.semop(b, .add(-1), .add(-1, on: 1)) == .success)
      #expect(bench.values == [4, 4])
    }
  }

  @Test("a scribbled mark of a living member's call that is none goes at once")
  func scribbledMark() {
    let bench = Bench([5, 5])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    let member = bench.simulation.world.state.processes[a.slot].member
    let layout = bench.simulation.layout
    let sequence = bench.image.peek(layout.descriptor(member) + Descriptor.status) >> 40
    let word = SemaphoreWord(bits: bench.image.peek(layout.cell(1)))
    let marked = word.marked(SeveralMark(member: member, sequence: sequence + 1))
    bench.image.poke(marked.bits, layout.cell(1))
    // Were its owner waited for, this would never end: it lives and makes no call.
    #expect(bench.semop(b, .add(-1, on: 1)) == .success)
    #expect(bench.values == [4, 4])
  }

  @Test("bury: adjustments in part applied when the burier dies")
  func interruptedBurial() {
    let bench = Bench([5, 5])
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.semop(a, .add(-1, Flag.undo), .add(-2, on: 1, Flag.undo)) == .success)
    bench.simulation.kill(a)
    let cells = [bench.simulation.layout.cell(0), bench.simulation.layout.cell(1)]
    #expect(
      bench.simulation.start(b.first, slow(bench, .zero(), .zero(on: 1))) {
        $0.access == .store && $0.offset == cells[1]
          && SemaphoreWord(bits: bench.image.peek(cells[0])).value == 5
      })
    bench.simulation.kill(b)
    #expect(bench.values == [5, 5])
    bench.check()
  }

  @Test("a sleeping thread that ends alone gets nothing")
  func deadThread() {
    let bench = Bench([0])
    let (a, b) = (bench.process(), bench.process())
    let second = bench.simulation.startThread(of: a)
    #expect(bench.simulation.semop(second, [.add(-1)]) == .asleep)
    #expect(bench.semop(a, .add(-1)) == .asleep)
    bench.simulation.end(second)
    #expect(bench.counts() == [1, 0])
    #expect(bench.semop(b, .add(1)) == .success)
    #expect(bench.outcome(a) == .success && bench.value() == 0)
    bench.check()
  }

  // MARK: Found by the simulation

  @Test("a semaphore named twice: its slow bit is lowered once")
  func loweredOnce() {
    let bench = Bench([5])
    let (a, b) = (bench.process(), bench.process())
    let cell = bench.simulation.layout.cell(0)
    var lowered = 0
    #expect(
      bench.simulation.start(a.first, slow(bench, .add(-1), .add(1), .add(-1))) {
        let word = SemaphoreWord(bits: bench.image.peek(cell))
        if word.value == 4 && !word.isSlow && $0.access != .load { lowered += 1 }
        return lowered > 0
      })
    #expect(bench.simulation.semop(b.first, [.add(1)]) == .success)
    #expect(bench.simulation.finish(a.first) == .success)
    #expect(bench.value() == 5)
  }

  @Test("the guardian's slot is not given to the call that buries it")
  func guardianSlot() {
    let bench = Bench([0])
    let (sleeper, worker, caller) = (bench.process(), bench.process(), bench.process())
    #expect(bench.semop(caller, .zero(Flag.undo)) == .success)  // A member, with all that it needs.
    #expect(bench.semop(sleeper, .add(-1)) == .asleep)
    #expect(bench.simulation.start(worker.first, slow(bench, .add(1))) { _ in owes(bench) })
    // The sleeper waits for the lock when it dies, so its own word does not tell.
    bench.simulation.interrupt(sleeper.first)
    #expect(bench.simulation.world.state.threads[sleeper.first.slot].status == .waitingForLock)
    bench.simulation.kill(worker)
    bench.simulation.kill(sleeper)
    #expect(bench.semop(caller, .add(-3)) == .asleep)
    // The recovery gave the token to the sleeper, which then counts as having died with it.
    #expect(bench.counts() == [1, 0] && bench.value() == 0)
    bench.check()
  }

  @Test("a word that came back while another thread of the process was charged")
  func wordCameBack() {
    let bench = Bench([3])
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    let second = bench.simulation.startThread(of: a)
    #expect(bench.semop(b, .add(-1, Flag.undo)) == .success)
    #expect(bench.semop(a, .add(-1, Flag.undo)) == .success)
    let cell = bench.simulation.layout.cell(0)
    let word = bench.image.peek(cell)
    #expect(
      bench.simulation.start(a.first, semop: [.add(-1, Flag.undo)]) {
        $0 == .init(access: .exchange, offset: cell)
      })
    #expect(bench.semop(c, .add(-1)) == .success)
    #expect(bench.simulation.semop(second, [.add(-1, Flag.undo)]) == .asleep)
    #expect(bench.semop(c, .add(1)) == .success)
    #expect(bench.simulation.outcome(second) == .success)
    #expect(bench.simulation.semop(second, [.add(1)]) == .success)
    #expect(bench.image.peek(cell) == word)
    #expect(bench.simulation.finish(a.first) == .success)
    #expect(bench.value() == 0 && bench.simulation.livingAdjustments() == [4])
    bench.kill(a)
    bench.kill(b)
    #expect(bench.value() == 4)
  }
}
