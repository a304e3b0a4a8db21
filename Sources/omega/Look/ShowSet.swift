import OmegaEngine
import OmegaLinux

/// A set for people, and as JSON.
extension SetDetails {
  func show() {
    let permissions = status.permissions
    print("set \(status.identifier), \(Words.count(status.semaphoreCount, "semaphore"))")
    print("  key       \(Show.key(status.key))")
    print("  owner     \(Show.owner(permissions))")
    print("  perms     \(Show.mode(permissions))")
    print("  last op   \(Clock.long(status.otime))")
    print("  changed   \(Clock.long(status.ctime))")
    print()
    showSemaphores()
    showWaiting()
    showUndo()
  }

  /// Neighbours that are alike share a line, so that a large set stays readable.
  private func showSemaphores() {
    var table = Table([
      ("SEMNUM", .right), ("VALUE", .right), ("NCNT", .right), ("ZCNT", .right),
      ("LAST-PID", .right), ("COMMAND", .left),
    ])
    let all = semaphores
    var first = 0
    while first < all.count {
      var last = first
      while last + 1 < all.count && all[last + 1] == all[first] { last += 1 }
      let semaphore = all[first]
      table.add([
        first == last ? String(first) : "\(first)-\(last)", String(semaphore.value),
        String(semaphore.waitingForIncrease), String(semaphore.waitingForZero),
        semaphore.lastPid == 0 ? "-" : String(semaphore.lastPid),
        semaphore.lastPid == 0 ? "" : Show.name(semaphore.lastPid),
      ])
      first = last + 1
    }
    table.show()
  }

  private func showWaiting() {
    if waiting.isEmpty {
      print("\nNobody waits.")
      return
    }
    print("\n\(Words.count(waiting.count, "waiting call")), oldest first:")
    var table = Table([
      ("PID", .right), ("COMMAND", .left), ("SINCE", .left), ("OPERATION", .left),
      ("WAITS FOR", .left),
    ])
    for call in waiting {
      table.add([
        Show.caller(call.pid, call.tid), Show.name(call.pid), Show.since(call.since),
        call.blockedOperation, call.condition,
      ])
    }
    let lines = table.lines
    print(lines[0])
    for (line, call) in zip(lines.dropFirst(), waiting) {
      print(line)
      if call.operations.count > 1 {
        print("        in one step of \(call.operations.count): \(call.text)")
      }
    }
  }

  private func showUndo() {
    if undo.isEmpty {
      print("\nNobody holds undo adjustments.")
      return
    }
    let holders =
      undo.count == 1 ? "1 process holds" : "\(undo.count) processes hold"
    print("\n\(holders) undo adjustments:")
    var table = Table([("PID", .right), ("COMMAND", .left), ("ADDED WHEN IT ENDS", .left)])
    for entry in undo {
      let limit = 6
      var text = entry.adjustments.prefix(limit)
        .map { "[\($0.semaphore)] \(Words.signed($0.amount))" }.joined(separator: ", ")
      if entry.adjustments.count > limit { text += ", ... (\(entry.adjustments.count) in all)" }
      table.add([String(entry.pid), Show.name(entry.pid), text])
    }
    table.show()
  }
}

extension SetDetails {
  var json: JSON {
    .object([
      ("id", .number(Int(status.identifier))),
      ("key", .text(Words.key(status.key))),
      ("permissions", status.permissions.json),
      ("nsems", .number(status.semaphoreCount)),
      ("otime", .number(Int(status.otime))),
      ("ctime", .number(Int(status.ctime))),
      (
        "semaphores",
        .array(
          semaphores.map {
            .object([
              ("value", .number($0.value)), ("ncnt", .number($0.waitingForIncrease)),
              ("zcnt", .number($0.waitingForZero)), ("pid", .number(Int($0.lastPid))),
            ])
          })
      ),
      ("waiting", .array(waiting.map(\.json))),
      ("undo", .array(undo.map(\.json))),
    ])
  }
}

extension SetDetails.WaitingCall {
  fileprivate var json: JSON {
    .object(
      Show.json(pid, tid, since: since) + [
        ("blocked", .number(blocked)),
        (
          "operations",
          .array(
            operations.map {
              .object([
                ("semaphore", .number($0.semaphore)), ("amount", .number($0.amount)),
                ("undo", .bool($0.usesUndo)),
              ])
            })
        ),
      ])
  }
}

extension SetDetails.Undo {
  fileprivate var json: JSON {
    .object([
      ("pid", .number(Int(pid))),
      ("command", .optional(Processes.command(Int32(bitPattern: pid)))),
      (
        "adjustments",
        .array(
          adjustments.map {
            .object([("semaphore", .number($0.semaphore)), ("amount", .number($0.amount))])
          })
      ),
    ])
  }
}
