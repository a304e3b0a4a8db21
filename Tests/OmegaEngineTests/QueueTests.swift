import Testing

@testable import OmegaSimulation

/// Semantics B3: message queues, as far as the engine decides them. The order of argument checks, bad
/// pointers, limits and MSG_INFO (B3.13) are the Linux layer's.
@Suite struct QueueTests {
  @Test("B3.1 a new queue: msg_qbytes, no times and pids, ctime")
  func newQueue() {
    let bench = QueueBench()
    #expect(
      bench.status
        == .init(
          messages: 0, bytes: 0, lastSender: 0, lastReceiver: 0, stime: 0, rtime: 0,
          ctime: bench.now, queueBytes: 16384))
  }

  @Test("B3.2 EACCES comes before EIDRM and before anything is looked at")
  func permissions() {
    let bench = QueueBench(queueBytes: 8)
    let a = bench.process()
    bench.simulation.become(a, uid: 7)
    #expect(bench.send(a, 1, 9, flags: Flag.noWait) == .denied)
    #expect(bench.receive(a, flags: Flag.noWait) == .denied)
    bench.setQueue(8, mode: 0o602)
    #expect(bench.send(a, 1, message: 1) == .success)
    #expect(bench.receive(a) == .denied)
    bench.setQueue(8, mode: 0o604)
    #expect(bench.receive(a) == .value(8) && bench.received(a) == 1)
    #expect(bench.send(a, 1) == .denied)
  }

  @Test("B3.3 it fits when bytes and messages do; messages of no bytes are bounded too")
  func fits() {
    let bench = QueueBench(queueBytes: 24)
    let a = bench.process()
    #expect(bench.send(a, 1, 16, message: 1, flags: Flag.noWait) == .success)
    #expect(bench.send(a, 1, 9, message: 2, flags: Flag.noWait) == .again)
    #expect(bench.send(a, 1, 8, message: 3, flags: Flag.noWait) == .success)
    #expect(bench.send(a, 1, 1, flags: Flag.noWait) == .again)
    #expect(bench.status.bytes == 24)
    let empty = QueueBench(queueBytes: 3)
    let b = empty.process()
    for _ in 0..<3 { #expect(empty.send(b, 1, 0, flags: Flag.noWait) == .success) }
    #expect(empty.send(b, 1, 0, flags: Flag.noWait) == .again)
    #expect(empty.status.messages == 3 && empty.status.bytes == 0)
    #expect(empty.receive(b) == .value(0))
    #expect(empty.send(b, 1, 1, flags: Flag.noWait) == .success)
  }

  @Test("B3.4 success: msg_lspid and msg_stime; msg_lrpid and msg_rtime of the receiver")
  func stamps() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    bench.pass(seconds: 2)
    #expect(bench.send(a, 5, 8, message: 1) == .success)
    let sent = bench.now
    bench.pass(seconds: 2)
    #expect(bench.status.lastSender == bench.pid(a) && bench.status.stime == sent)
    #expect(bench.status.lastReceiver == 0 && bench.status.rtime == 0)
    #expect(bench.receive(b) == .value(8))
    #expect(bench.status.lastReceiver == bench.pid(b) && bench.status.rtime == bench.now)
    #expect(bench.status.stime == sent && bench.status.messages == 0 && bench.status.bytes == 0)
    // Failures change nothing.
    bench.pass(seconds: 2)
    let before = bench.status
    #expect(bench.receive(a, flags: Flag.noWait) == .noMessage)
    #expect(bench.status == before)
  }

  @Test("B3.4 a sleeping receiver is handed the message, which is never in the queue")
  func handOver() {
    let bench = QueueBench(queueBytes: 8)
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.receive(a, 3) == .asleep)
    // Not settled in between: the receiver has not run yet, and nobody else gets its message.
    bench.simulation.begin(
      b.first, bench.simulation.sending(type: 3, byteCount: 8, message: 9))
    bench.simulation.world.resume(b.first.slot)
    #expect(bench.simulation.queued == [])
    bench.simulation.world.state.threads[a.first.slot].isHeld = true
    #expect(bench.simulation.receive(c.first, type: 3, flags: Flag.noWait) == .noMessage)
    // Nor does it take room from others.
    #expect(bench.send(c, 4, 8, message: 10, flags: Flag.noWait) == .success)
    #expect(bench.simulation.finish(a.first) == .value(8) && bench.received(a) == 9)
    #expect(bench.outcome(b) == .success && bench.messages == [10])
  }

  @Test("B3.5 receivers are looked at oldest first; one whose buffer is too small gets E2BIG")
  func tooSmallBuffers() {
    let bench = QueueBench()
    let processes: InlineArray<6, ProcessID> = bench.processes()
    #expect(bench.receive(processes[0], 2) == .asleep)
    #expect(bench.receive(processes[1], 1, room: 9) == .asleep)
    #expect(bench.receive(processes[2], -1, room: 0) == .asleep)
    #expect(bench.receive(processes[3], 0, room: 10) == .asleep)
    #expect(bench.receive(processes[4], 1, room: 3) == .asleep)
    #expect(bench.send(processes[5], 1, 10, message: 7) == .success)
    #expect(bench.outcome(processes[1]) == .tooBig && bench.outcome(processes[2]) == .tooBig)
    #expect(bench.outcome(processes[3]) == .value(10) && bench.received(processes[3]) == 7)
    #expect(bench.outcome(processes[0]) == .asleep && bench.outcome(processes[4]) == .asleep)
    // Nobody left who could take it: it is queued.
    #expect(bench.send(processes[5], 1, 10, message: 8) == .success)
    #expect(bench.outcome(processes[4]) == .tooBig && bench.messages == [8])
  }

  @Test("B3.5 MSG_NOERROR takes what is too big, cut")
  func cutHandOver() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.receive(a, 1, room: 8, flags: MessageFlag.cuts) == .asleep)
    #expect(bench.send(b, 1, 100, message: 7) == .success)
    #expect(bench.outcome(a) == .value(8) && bench.received(a) == 7 && bench.messages == [])
  }

  @Test("B3.6 E2BIG leaves the message, ENOMSG without waiting, else it sleeps")
  func receiveErrors() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.send(a, 1, 9, message: 1) == .success)
    for flags in [0, Flag.noWait] {
      #expect(bench.receive(b, room: 8, flags: flags) == .tooBig)
      #expect(bench.messages == [1])
    }
    #expect(bench.receive(b, 2, flags: Flag.noWait) == .noMessage)
    #expect(bench.receive(b, 2) == .asleep)
    #expect(bench.simulation.remove(bench.observer.first) == .success)
    #expect(bench.outcome(b) == .removed)
  }

  @Test("B3.7 type 0: the oldest; above 0: the oldest of it; MSG_EXCEPT: the oldest of another")
  func selection() {
    let bench = QueueBench()
    let a = bench.process()
    for (message, type) in [(1, 5), (2, 3), (3, 5), (4, 9), (5, 3)] {
      #expect(bench.send(a, type, message: UInt64(message)) == .success)
    }
    #expect(bench.take(a, 3) == 2)
    #expect(bench.take(a, 5, flags: MessageFlag.except) == 4)
    #expect(bench.take(a, 4) == 0)
    #expect(bench.take(a, 4, flags: MessageFlag.except) == 1)
    #expect(bench.take(a) == 3)
    #expect(bench.take(a, 3, flags: MessageFlag.except) == 0)
    #expect(bench.take(a) == 5)
  }

  @Test("B3.7 below 0: the lowest type not above it, first come first; MSG_EXCEPT does not count")
  func lowestType() {
    let bench = QueueBench()
    let a = bench.process()
    for (message, type) in [(1, 7), (2, 3), (3, 3), (4, 1 << 40), (5, 2), (6, .max)] {
      #expect(bench.send(a, type, message: UInt64(message)) == .success)
    }
    #expect(bench.take(a, -1) == 0)
    #expect(bench.take(a, -3) == 5)
    #expect(bench.take(a, -6, flags: MessageFlag.except) == 2)
    #expect(bench.take(a, -7) == 3)
    #expect(bench.take(a, -6) == 0)
    #expect(bench.take(a, -.max) == 1)
    #expect(bench.take(a, 0, flags: MessageFlag.except) == 4)
    // LONG_MIN stands for LONG_MAX.
    #expect(bench.take(a, .min) == 6)
  }

  @Test("B3.7 sleeping receivers select alike")
  func sleepingSelection() {
    let bench = QueueBench()
    let processes: InlineArray<6, ProcessID> = bench.processes()
    #expect(bench.receive(processes[0], 4) == .asleep)
    #expect(bench.receive(processes[1], 4, flags: MessageFlag.except) == .asleep)
    #expect(bench.receive(processes[2], -3) == .asleep)
    #expect(bench.receive(processes[3], -5, flags: MessageFlag.except) == .asleep)
    #expect(bench.send(processes[5], 4, message: 1) == .success)
    #expect(bench.received(processes[0]) == 1)
    #expect(bench.send(processes[5], 4, message: 2) == .success)
    #expect(bench.outcome(processes[3]) == .value(8) && bench.received(processes[3]) == 2)
    #expect(bench.send(processes[5], 4, message: 3) == .success && bench.messages == [3])
    #expect(bench.send(processes[5], 3, message: 4) == .success)
    #expect(bench.outcome(processes[1]) == .value(8) && bench.received(processes[1]) == 4)
    #expect(bench.send(processes[5], 5, message: 5) == .success)
    #expect(bench.outcome(processes[2]) == .asleep && bench.messages == [3, 5])
  }

  @Test("B3.8 MSG_NOERROR cuts and drops the rest")
  func cuts() {
    let bench = QueueBench()
    let a = bench.process()
    #expect(bench.send(a, 1, 100, message: 1) == .success)
    #expect(bench.receive(a, room: 20, flags: MessageFlag.cuts) == .value(20))
    #expect(bench.received(a) == 1 && bench.status.messages == 0 && bench.status.bytes == 0)
    #expect(bench.send(a, 1, 100, message: 2) == .success)
    #expect(bench.receive(a, room: 0, flags: MessageFlag.cuts) == .value(0))
    #expect(bench.messages == [])
  }

  @Test("B3.8 MSG_COPY: by position, the message stays and nothing changes; ENOMSG past the end")
  func copies() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    for message in 1...3 {
      #expect(bench.send(a, 4 - message, 10 * message, message: UInt64(message)) == .success)
    }
    bench.pass(seconds: 2)
    let before = bench.status
    for position in 0..<3 {
      let outcome = bench.simulation.peek(b.first, position: position)
      #expect(outcome == .value(10 * (position + 1)))
      #expect(bench.simulation.received(b.first) == (UInt64(position + 1), 3 - position))
    }
    #expect(bench.simulation.peek(b.first, position: 3) == .noMessage)
    #expect(bench.simulation.peek(b.first, position: -1) == .noMessage)
    #expect(bench.simulation.peek(b.first, position: 1, capacity: 19) == .tooBig)
    // A copy is not cut.
    let cut = bench.simulation.peek(
      b.first, position: 1, capacity: 19, flags: MessageFlag.cuts)
    #expect(cut == .failed(.invalid))
    #expect(bench.status == before && bench.messages == [1, 2, 3])
    bench.check()
  }

  @Test("B3.9 senders sleep in order; one that does not fit yet does not hold up smaller ones")
  func sendersInOrder() {
    let bench = QueueBench(queueBytes: 20)
    let processes: InlineArray<5, ProcessID> = bench.processes()
    #expect(bench.send(processes[0], 1, 10, message: 1) == .success)
    #expect(bench.send(processes[0], 1, 10, message: 2) == .success)
    #expect(bench.send(processes[1], 1, 18, message: 3) == .asleep)
    #expect(bench.send(processes[2], 2, 8, message: 4) == .asleep)
    #expect(bench.send(processes[3], 1, 2, message: 5) == .asleep)
    #expect(bench.send(processes[4], 1, 1, message: 6) == .asleep)
    #expect(bench.take(processes[0]) == 1)
    #expect(bench.outcome(processes[1]) == .asleep && bench.outcome(processes[2]) == .success)
    #expect(bench.outcome(processes[3]) == .success && bench.outcome(processes[4]) == .asleep)
    #expect(bench.messages == [2, 4, 5] && bench.status.bytes == 20)
    #expect(bench.status.lastSender == bench.pid(processes[3]))
    #expect(bench.take(processes[0]) == 2 && bench.outcome(processes[4]) == .success)
    #expect(bench.outcome(processes[1]) == .asleep)
    for message in [4, 5] { #expect(bench.take(processes[0]) == UInt64(message)) }
    #expect(bench.outcome(processes[1]) == .success && bench.messages == [6, 3])
  }

  @Test("B3.9 a newcomer that fits goes in past sleeping senders that do not")
  func barging() {
    let bench = QueueBench(queueBytes: 20)
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.send(a, 1, 10, message: 1) == .success)
    #expect(bench.send(b, 1, 11, message: 2) == .asleep)
    #expect(bench.send(a, 1, 10, message: 3, flags: Flag.noWait) == .success)
    #expect(bench.outcome(b) == .asleep && bench.messages == [1, 3])
  }

  @Test("B3.9 a sleeping sender's message goes to a sleeping receiver when there is room")
  func senderToReceiver() {
    let bench = QueueBench(queueBytes: 8)
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.send(a, 1, 8, message: 1) == .success)
    #expect(bench.receive(c, 2) == .asleep)
    #expect(bench.send(b, 2, 8, message: 2) == .asleep)
    #expect(bench.take(a) == 1)
    #expect(bench.outcome(b) == .success && bench.outcome(c) == .value(8))
    #expect(bench.received(c) == 2 && bench.messages == [])
  }

  @Test("B3.10 IPC_SET: more msg_qbytes wake the senders that fit, fewer refuse the next")
  func queueBytes() {
    let bench = QueueBench(queueBytes: 8)
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.send(a, 1, 8, message: 1) == .success)
    #expect(bench.send(b, 1, 50, message: 2) == .asleep)
    #expect(bench.send(c, 1, 10, message: 3) == .asleep)
    bench.pass(seconds: 2)
    bench.setQueue(18)
    #expect(bench.outcome(b) == .asleep && bench.outcome(c) == .success)
    #expect(bench.status.ctime == bench.now && bench.status.queueBytes == 18)
    bench.setQueue(68)
    #expect(bench.outcome(b) == .success && bench.messages == [1, 3, 2])
    bench.setQueue(10)
    #expect(bench.send(a, 1, 0, flags: Flag.noWait) == .again)
    #expect(bench.take(a) == 1 && bench.take(a) == 3)
    #expect(bench.send(a, 1, 0, flags: Flag.noWait) == .again)
    #expect(bench.take(a) == 2 && bench.send(a, 1, 10, flags: Flag.noWait) == .success)
  }

  @Test("B3.10 IPC_SET: sleepers are asked for their permission again")
  func permissionsAgain() {
    let bench = QueueBench(queueBytes: 8)
    let processes: InlineArray<4, ProcessID> = bench.processes()
    bench.setQueue(8, mode: 0o666)
    for index in 1..<4 { bench.simulation.become(processes[index], uid: 6 + index) }
    #expect(bench.receive(processes[1], 5) == .asleep)
    #expect(bench.receive(processes[0], 5) == .asleep)
    #expect(bench.send(processes[0 + 2], 1, 8, message: 1) == .success)
    #expect(bench.send(processes[3], 1, 8, message: 2) == .asleep)
    bench.setQueue(8, mode: 0o600)
    #expect(bench.outcome(processes[1]) == .denied)
    // A sender is asked when it would be woken, that is when there is room.
    #expect(bench.outcome(processes[0]) == .asleep && bench.outcome(processes[3]) == .asleep)
    #expect(bench.take(bench.observer) == 1)
    #expect(bench.outcome(processes[3]) == .denied && bench.messages == [])
    #expect(bench.send(bench.observer, 5, message: 3) == .success)
    #expect(bench.outcome(processes[0]) == .value(8))
  }

  @Test("B3.11 a signal handler ends a sleep with EINTR; the message is not sent")
  func interrupted() {
    let bench = QueueBench(queueBytes: 8)
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.receive(a) == .asleep)
    bench.simulation.interrupt(a.first)
    #expect(bench.outcome(a) == .interrupted)
    bench.check()
    #expect(bench.send(a, 1, 8, message: 1) == .success)
    #expect(bench.send(b, 1, 8, message: 2) == .asleep)
    bench.simulation.interrupt(b.first)
    #expect(bench.outcome(b) == .interrupted && bench.messages == [1])
    bench.check()
    #expect(bench.take(a) == 1 && bench.take(a) == 0)
  }

  @Test("B3.11 a call that was finished has its result, though a signal came first")
  func completionWins() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    #expect(bench.receive(a) == .asleep)
    bench.simulation.begin(
      b.first, bench.simulation.sending(type: 3, byteCount: 8, message: 9))
    bench.simulation.world.resume(b.first.slot)
    bench.simulation.world.state.threads[a.first.slot].wakeReason = .interrupted
    #expect(bench.outcome(a) == .value(8) && bench.received(a) == 9)
    bench.check()
  }

  @Test("B3.11 IPC_RMID: EIDRM for senders and receivers, whose cells are free; then EIDRM again")
  func removal() {
    let bench = QueueBench(queueBytes: 8)
    let (a, b, c) = (bench.process(), bench.process(), bench.process())
    #expect(bench.send(a, 1, 8, message: 1) == .success)
    #expect(bench.send(b, 1, 8, message: 2) == .asleep)
    #expect(bench.receive(c, 2) == .asleep)
    #expect(bench.simulation.remove(a.first) == .success)
    #expect(bench.outcome(b) == .removed && bench.outcome(c) == .removed)
    for outcome in [bench.send(a, 1), bench.receive(a), bench.simulation.remove(b.first)] {
      #expect(outcome == .removed)
    }
    #expect(bench.simulation.peek(a.first, position: 0) == .removed)
    #expect(bench.simulation.setQueue(a.first, queueBytes: 1) == .removed)
    bench.check()
  }

  @Test("B3.12 msg_lrpid: the thread after a hand-over, the process after a receive")
  func lastReceiver() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    let second = bench.simulation.startThread(of: a)
    let tid = Int(bench.simulation.world.state.threads[second.slot].tid)
    #expect(tid != bench.pid(a))
    #expect(bench.simulation.receive(second) == .asleep)
    #expect(bench.send(b, 1) == .success)
    #expect(bench.status.lastReceiver == tid && bench.status.lastSender == bench.pid(b))
    #expect(bench.send(b, 1) == .success)
    #expect(bench.simulation.receive(second) == .value(8))
    #expect(bench.status.lastReceiver == bench.pid(a))
  }

  @Test("no memory for a message, a type or a sleeper is ENOMEM and changes nothing")
  func noMemory() {
    for claims in 0..<6 {
      let bench = QueueBench()
      let a = bench.process()
      bench.simulation.claims = claims
      let outcome = bench.send(a, 1, 100, message: 1)
      bench.simulation.claims = -1
      if outcome == .success {
        #expect(claims > 2 && bench.messages == [1])
      } else {
        #expect(outcome == .failed(.noMemory) && bench.messages == [], "\(claims) claims")
      }
      #expect(bench.send(a, 1, 100, message: 2) == .success)
    }
    let bench = QueueBench()
    let a = bench.process()
    bench.simulation.claims = 2
    #expect(bench.receive(a) == .failed(.noMemory))
    bench.simulation.claims = -1
    #expect(bench.receive(a) == .asleep)
  }

  @Test("cells are used again: many sizes and types, filled and emptied")
  func cellsAreUsedAgain() {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    var ends: [Int] = []
    for _ in 0..<3 {
      for index in 0..<40 {
        let size = [0, 8, 17, 100, 400, 900][index % 6]
        #expect(bench.send(a, 1 + index % 7, size, message: UInt64(index)) == .success)
      }
      for index in 0..<40 {
        #expect(bench.receive(b, [0, -9, 3][index % 3], flags: Flag.noWait) != .asleep)
      }
      while bench.receive(b, flags: Flag.noWait) != .noMessage {}
      #expect(bench.status.messages == 0 && bench.status.bytes == 0)
      ends.append(bench.simulation.cellsEnd)
    }
    #expect(ends[1] == ends[2])
    bench.kill(a)
    bench.kill(b)
    #expect(bench.status.messages == 0)
    bench.check()
  }
}
