import OmegaEngine
import OmegaLinux

/// One set at one instant.
struct SetDetails {
  struct Semaphore: Equatable {
    var value: Int
    var lastPid: UInt32
    var waitingForIncrease = 0
    var waitingForZero = 0
  }

  struct WaitingCall {
    let pid: UInt32
    let tid: UInt32
    let since: Int64
    let sequence: UInt64
    let operations: [Operation]
    /// Index of the operation that it waits for.
    let blocked: Int
  }

  /// A process's adjustments, added to the values when it ends.
  struct Undo {
    let pid: UInt32
    var adjustments: [(semaphore: Int, amount: Int)]
  }

  let status: SetStatus
  let semaphores: [Semaphore]
  /// Oldest first.
  let waiting: [WaitingCall]
  let undo: [Undo]

  init(_ namespace: Namespace, _ identifier: Int32) throws(Errno) {
    var semaphores: [Semaphore] = []
    var waiting: [WaitingCall] = []
    var undo: [UInt32: Undo] = [:]
    status = try namespace.inspect(
      identifier,
      semaphore: { _, word in
        semaphores.append(Semaphore(value: word.value, lastPid: UInt32(word.pid)))
      },
      sleeper: { sleeper in
        waiting.append(
          WaitingCall(
            pid: sleeper.pid, tid: sleeper.tid, since: sleeper.since, sequence: sleeper.sequence,
            operations: (0..<sleeper.operationCount).map { sleeper.operation($0) },
            blocked: sleeper.blockedIndex))
        guard semaphores.indices.contains(sleeper.semaphore) else { return }
        if sleeper.waitsForZero {
          semaphores[sleeper.semaphore].waitingForZero += 1
        } else {
          semaphores[sleeper.semaphore].waitingForIncrease += 1
        }
      },
      holder: { holder in
        undo[holder.pid, default: Undo(pid: holder.pid, adjustments: [])].adjustments.append(
          (holder.semaphore, holder.amount))
      })
    self.semaphores = semaphores
    self.waiting = waiting.sorted { $0.sequence < $1.sequence }
    self.undo = undo.values.sorted { $0.pid < $1.pid }
  }
}

extension Operation {
  /// `[3] -1`, `[3] +1 undo`, `[3] zero`.
  var text: String {
    let what = amount == 0 ? "zero" : Words.signed(amount)
    return "[\(semaphore)] \(what)" + (usesUndo ? " undo" : "")
  }
}

extension SetDetails.WaitingCall {
  /// What has to become of a semaphore's value for the call to proceed: what the operations before
  /// the one it waits for do to the same semaphore is counted.
  var condition: String {
    guard operations.indices.contains(blocked) else { return "?" }
    let operation = operations[blocked]
    let before = operations[..<blocked].filter { $0.semaphore == operation.semaphore }
      .reduce(0) { $0 + $1.amount }
    return operation.amount == 0
      ? "[\(operation.semaphore)] to be \(-before)"
      : "[\(operation.semaphore)] to reach \(-before - operation.amount)"
  }

  var blockedOperation: String {
    operations.indices.contains(blocked) ? operations[blocked].text : "?"
  }

  /// All operations of the call, or the first ones and the one it waits for.
  var text: String {
    let limit = 5
    if operations.count <= limit { return operations.map(\.text).joined(separator: ", ") }
    var shown = operations.prefix(limit).map(\.text)
    if blocked >= limit { shown[limit - 1] = "... " + operations[blocked].text }
    return shown.joined(separator: ", ") + (blocked == operations.count - 1 ? "" : ", ...")
  }
}
