import OmegaIPC
import Synchronization
import Testing

@Suite struct ConcurrencyTests {
  @Test func handlesGoIntoTasks() async throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.makeSemaphores([0, 0])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for _ in 0..<500 { try set[task % 2].release() }
        }
      }
      try await group.waitForAll()
    }
    #expect(try set.values() == [2000, 2000])
  }

  @Test func excludesThreads() throws {
    let box = try PrivateNamespace()
    let mutex = try box.namespace.makeSemaphores([1])[0]
    let inside = Atomic(0)
    let overlaps = Atomic(0)
    try withThreads(4) {
      for _ in 0..<2000 {
        try mutex.withAcquired {
          if inside.add(1, ordering: .relaxed).newValue != 1 {
            overlaps.add(1, ordering: .relaxed)
          }
          inside.subtract(1, ordering: .relaxed)
        }
      }
    }
    #expect(overlaps.load(ordering: .relaxed) == 0)
    #expect(try mutex.value == 1)
    #expect(try mutex.set.inspect().holders.isEmpty)
  }

  @Test func countsEveryToken() throws {
    let box = try PrivateNamespace()
    let set = try box.namespace.makeSemaphores([0, 0])
    let producers = 2, each = 3000
    let taken = Atomic(0)
    try withThreads(2 * producers) { number in
      for _ in 0..<each {
        if number < producers {
          try set.release(0)
        } else {
          try set.perform([.acquire(0), .release(1)], timeout: watchdog)
          taken.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(taken.load(ordering: .relaxed) == producers * each)
    #expect(try set.values() == [0, producers * each])
    #expect(try set.inspect().waiters.isEmpty)
  }

  private func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let calls = (0..<count).map { number in Blocking { try body(number) } }
    for call in calls { try call.value() }
  }

  private func withThreads(_ count: Int, _ body: @escaping @Sendable () throws -> Void) throws {
    try withThreads(count) { (_: Int) in try body() }
  }
}
