import Testing

@testable import OmegaSimulation

/// A death after each store of a call on a queue, and the next caller's recovery: the message is wholly in
/// the queue or wholly out of it, and every cell is in one place.
@Suite struct QueueRecoveryTests {
  /// A queue with two members that have what fast calls need, and `messages` of type 1 in it.
  private func bench(_ messages: Int) -> (QueueBench, ProcessID, ProcessID) {
    let bench = QueueBench()
    let (a, b) = (bench.process(), bench.process())
    for process in [a, b] {
      for _ in 0..<2 {
        #expect(bench.send(process, 1, message: 90) == .success)
        #expect(bench.take(process) == 90)
      }
    }
    for message in 0..<messages {
      #expect(bench.send(b, 1, message: UInt64(message + 1)) == .success)
    }
    return (bench, a, b)
  }

  /// Kills `call` after so many stores; false when it has fewer.
  private func kill(
    _ bench: QueueBench, _ process: ProcessID, _ call: Call, after stores: Int
  ) -> Bool {
    var left = stores
    let stopped = bench.simulation.start(process.first, call) {
      if $0.access == .store || $0.access == .exchange { left -= 1 }
      return left < 0
    }
    if stopped { bench.simulation.kill(process) }
    return stopped
  }

  @Test("a fast send of a type that is there, and of a new one", arguments: [1, 2])
  func fastSend(type: Int) {
    var seen: Set<[UInt64]> = []
    for stores in 0..<200 {
      let (bench, a, b) = bench(1)
      let call = bench.simulation.sending(type: type, byteCount: 8, message: 9)
      if !kill(bench, a, call, after: stores) { break }
      #expect(bench.send(b, 3, message: 5) == .success, "\(stores) stores")
      #expect(bench.messages == [1, 5] || bench.messages == [1, 9, 5], "\(stores) stores")
      seen.insert(bench.messages)
    }
    #expect(seen.count == 2)
  }

  @Test("a fast receive of the last message of a type, and of one of several", arguments: [1, 2])
  func fastReceive(messages: Int) {
    var seen: Set<[UInt64]> = []
    for stores in 0..<200 {
      let (bench, a, b) = bench(messages)
      let call = bench.simulation.receiving(type: 1)
      if !kill(bench, a, call, after: stores) { break }
      #expect(bench.send(b, 3, message: 5) == .success, "\(stores) stores")
      let all = (1...messages).map(UInt64.init) + [5]
      #expect(bench.messages == all || bench.messages == Array(all.dropFirst()), "\(stores) stores")
      seen.insert(bench.messages)
    }
    #expect(seen.count == 2)
  }

  @Test("a hand-over: the receiver has the message, or sleeps on and nothing was sent")
  func handOver() {
    var received: Set<Bool> = []
    for stores in 0..<200 {
      let (bench, a, b) = bench(0)
      #expect(bench.receive(b, 4) == .asleep)
      let call = bench.simulation.sending(type: 4, byteCount: 8, message: 9)
      if !kill(bench, a, call, after: stores) { break }
      bench.simulation.endBoundedWaits()
      let isDone = bench.outcome(b) == .value(8)
      #expect(isDone ? bench.received(b) == 9 : bench.outcome(b) == .asleep, "\(stores) stores")
      #expect(bench.status.messages == 0)
      bench.check()
      if !isDone {
        #expect(bench.send(bench.observer, 4, message: 10) == .success)
        #expect(bench.outcome(b) == .value(8) && bench.received(b) == 10, "\(stores) stores")
      }
      received.insert(isDone)
    }
    #expect(received.count == 2)
  }

  @Test("a receive that lets a sleeping sender go on: guardian and recovery send its message")
  func roomForASender() {
    var sent: Set<Bool> = []
    for stores in 0..<200 {
      let (bench, a, b) = bench(0)
      bench.setQueue(8)
      #expect(bench.send(b, 1, message: 1) == .success)
      #expect(bench.send(b, 1, message: 2) == .asleep)
      if !kill(bench, a, bench.simulation.receiving(type: 1), after: stores) { break }
      bench.simulation.endBoundedWaits()
      let isDone = bench.outcome(b) == .success
      #expect(bench.status.messages == 1, "\(stores) stores")
      #expect(bench.messages == (isDone ? [2] : [1]), "\(stores) stores")
      bench.check()
      sent.insert(isDone)
    }
    #expect(sent.count == 2)
  }

  @Test("IPC_RMID: the sleepers get EIDRM, or the queue lives on")
  func removal() {
    var removed: Set<Bool> = []
    for stores in 0..<200 {
      let (bench, a, b) = bench(0)
      #expect(bench.receive(b, 4) == .asleep)
      if !kill(bench, a, Call(kind: .remove), after: stores) { break }
      bench.simulation.endBoundedWaits()
      let isRemoved = bench.simulation.queueStatus(bench.observer.first) == nil
      #expect(bench.outcome(b) == (isRemoved ? .removed : .asleep), "\(stores) stores")
      bench.check()
      removed.insert(isRemoved)
    }
    #expect(removed.count == 2)
  }

  @Test("the end of a member gives its stock back, and a death in the middle of that too")
  func stock() {
    for stores in 0..<200 {
      let (bench, a, b) = bench(1)
      bench.simulation.kill(a)
      var call = Call(kind: .peek)
      call.byteCount = 64
      if !kill(bench, b, call, after: stores) { break }
      #expect(bench.status.messages == 1, "\(stores) stores")
      #expect(
        bench.image.peek(bench.simulation.queueLayout.stock(0) + Stock.pocket) & 0xFF_FFFF == 0)
      bench.check()
    }
  }
}
