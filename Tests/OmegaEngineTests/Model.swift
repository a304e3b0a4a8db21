@testable import OmegaSimulation

/// Linux's semantics in plain arrays: one queue of calls that alter, one of calls that do not, scanned
/// from the oldest again after each success (semantics B2.11). The reference for `ModelTests`.
struct Model {
  struct Sleeper {
    var caller: Int
    var process: Int
    var operations: [Operation]
    /// The operation it could not proceed with at its last evaluation.
    var blockedAt: Int
    var alters: Bool { operations.contains { $0.amount != 0 } }
  }

  enum Verdict: Equatable {
    case done
    case blocked(Int)
    case failed(Errno)
  }

  var values: [Int]
  var pids: [Int]
  /// Adjustments by process.
  var adjustments: [Int: [Int]] = [:]
  /// Processes that have an undo record.
  var records: Set<Int> = []
  var sleepers: [Sleeper] = []
  var otime = 0
  var ctime: Int
  var now: Int
  /// Callers whose sleep has ended, with their results.
  var finished: [Int: Errno] = [:]

  init(values: [Int], now: Int, pid: Int) {
    self.values = values
    self.now = now
    ctime = now
    pids = values.map { _ in pid }
  }

  /// nil: it sleeps.
  mutating func semop(
    caller: Int, process: Int, _ operations: [Operation], mayWait: Bool
  ) -> Errno? {
    if operations.contains(where: \.usesUndo) { records.insert(process) }
    switch evaluate(process, operations) {
    case .failed(let errno): return errno
    case .blocked(let index):
      if !mayWait { return .again }
      sleepers.append(
        Sleeper(caller: caller, process: process, operations: operations, blockedAt: index))
      return nil
    case .done:
      if operations.contains(where: { $0.amount != 0 }) {
        serve(changed: operations.map(\.semaphore))
      }
      return .success
    }
  }

  private mutating func evaluate(_ process: Int, _ operations: [Operation]) -> Verdict {
    var values = values
    var held = adjustments[process] ?? Array(repeating: 0, count: values.count)
    for (index, operation) in operations.enumerated() {
      let value = values[operation.semaphore] + operation.amount
      if operation.amount == 0 ? values[operation.semaphore] != 0 : value < 0 {
        return operation.refusesToWait ? .failed(.again) : .blocked(index)
      }
      if value > 32767 { return .failed(.outOfRange) }
      if operation.usesUndo {
        held[operation.semaphore] -= operation.amount
        if abs(held[operation.semaphore]) > 32767 && held[operation.semaphore] != -32768 {
          return .failed(.outOfRange)
        }
      }
      values[operation.semaphore] = value
    }
    self.values = values
    adjustments[process] = held
    for operation in operations { pids[operation.semaphore] = process }
    otime = now
    return .done
  }

  /// Serves the queues after a change of these semaphores (do_smart_update in ipc/sem.c). Calls that
  /// wait for zero are looked at only when one of them is 0, which shows: looking at a call of several
  /// operations may move the semaphore it is counted for.
  private mutating func serve(changed: [Int]) {
    var changed = changed
    while true {
      if changed.contains(where: { values[$0] == 0 }) {
        while serveOldest(altering: false) != nil {}
      }
      guard let finished = serveOldest(altering: true) else { return }
      changed = finished.operations.map(\.semaphore)
    }
  }

  /// Completes the oldest sleeper of a kind that can proceed, or fails now.
  private mutating func serveOldest(altering: Bool) -> Sleeper? {
    for index in sleepers.indices where sleepers[index].alters == altering {
      switch evaluate(sleepers[index].process, sleepers[index].operations) {
      case .blocked(let position):
        sleepers[index].blockedAt = position
        continue
      case .failed(let errno): finished[sleepers[index].caller] = errno
      case .done: finished[sleepers[index].caller] = .success
      }
      return sleepers.remove(at: index)
    }
    return nil
  }

  mutating func setValue(_ semaphore: Int, _ value: Int, pid: Int) {
    assign(semaphore, value, pid)
    serve(changed: Array(self.values.indices))
  }

  mutating func setAll(_ values: [Int], pid: Int) {
    for (semaphore, value) in values.enumerated() { assign(semaphore, value, pid) }
    serve(changed: Array(self.values.indices))
  }

  private mutating func assign(_ semaphore: Int, _ value: Int, _ pid: Int) {
    values[semaphore] = value
    pids[semaphore] = pid
    for process in adjustments.keys { adjustments[process]?[semaphore] = 0 }
    ctime = now
  }

  mutating func end(process: Int) {
    sleepers.removeAll { $0.process == process }
    for (semaphore, amount) in (adjustments.removeValue(forKey: process) ?? []).enumerated()
    where amount != 0 {
      values[semaphore] = min(max(values[semaphore] + amount, 0), 32767)
      pids[semaphore] = process
    }
    if records.remove(process) != nil {
      otime = now
      serve(changed: Array(values.indices))
    }
  }

  /// A signal or a deadline ends a sleep.
  mutating func withdraw(caller: Int, _ errno: Errno) {
    guard let index = sleepers.firstIndex(where: { $0.caller == caller }) else { return }
    sleepers.remove(at: index)
    finished[caller] = errno
  }

  /// GETNCNT and GETZCNT.
  func counts(_ semaphore: Int) -> [Int] {
    let blocked = sleepers.map { $0.operations[$0.blockedAt] }.filter { $0.semaphore == semaphore }
    return [blocked.count { $0.amount != 0 }, blocked.count { $0.amount == 0 }]
  }
}
