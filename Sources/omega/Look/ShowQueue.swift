import OmegaEngine
import OmegaLinux

/// A queue for people, and as JSON.
extension QueueDetails {
  func show() {
    let permissions = status.permissions
    print(
      "queue \(status.identifier), \(Words.count(status.messages, "message")), "
        + "\(status.bytes) of \(status.queueBytes) bytes")
    print("  key       \(Show.key(status.key))")
    print("  owner     \(Show.owner(permissions))")
    print("  perms     \(Show.mode(permissions))")
    print("  sent      \(QueueDetails.last(status.stime, status.lastSender))")
    print("  received  \(QueueDetails.last(status.rtime, status.lastReceiver))")
    print("  changed   \(Clock.long(status.ctime))")
    showTypes()
    if senders.isEmpty && receivers.isEmpty { print("\nNobody waits.") }
    if !senders.isEmpty { showSenders() }
    if !receivers.isEmpty { showReceivers() }
  }

  private static func last(_ time: Int64, _ pid: UInt32) -> String {
    let text = Clock.long(time)
    return pid == 0 ? text : "\(text) by \(pid) \(Words.printable(Show.name(pid)))"
  }

  private func showTypes() {
    if types.isEmpty {
      print("\nNo messages.")
      return
    }
    print()
    let limit = 20
    var table = Table([("TYPE", .right), ("MESSAGES", .right), ("BYTES", .right)])
    for kind in types.prefix(limit) {
      table.add([String(kind.type), String(kind.messages), String(kind.bytes)])
    }
    table.show()
    if types.count > limit { print("... (\(types.count) types in all; --json has them)") }
  }

  private func showSenders() {
    print(
      "\n\(Words.count(senders.count, "call")) waiting to send, oldest first:")
    var table = Table([
      ("PID", .right), ("COMMAND", .left), ("SINCE", .left), ("TYPE", .right), ("BYTES", .right),
    ])
    for call in senders {
      table.add([
        Show.caller(call.pid, call.tid), Show.name(call.pid), Show.since(call.since),
        String(call.type), String(call.byteCount),
      ])
    }
    table.show()
  }

  private func showReceivers() {
    print(
      "\n\(Words.count(receivers.count, "call")) waiting to receive, oldest first:")
    var table = Table([
      ("PID", .right), ("COMMAND", .left), ("SINCE", .left), ("AT MOST", .right),
      ("WAITS FOR", .left),
    ])
    for call in receivers {
      table.add([
        Show.caller(call.pid, call.tid), Show.name(call.pid), Show.since(call.since),
        String(call.byteCount), call.wish,
      ])
    }
    table.show()
  }

  var json: JSON {
    .object(
      [
        ("id", .number(Int(status.identifier))),
        ("key", .text(Words.key(status.key))),
        ("permissions", status.permissions.json),
      ] + ObjectRow.json(status) + [
        ("ctime", .number(Int(status.ctime))),
        (
          "types",
          .array(
            types.map {
              .object([
                ("type", .number(Int($0.type))), ("messages", .number($0.messages)),
                ("bytes", .number($0.bytes)),
              ])
            })
        ),
        ("senders", .array(senders.map(\.json))),
        ("receivers", .array(receivers.map(\.json))),
      ])
  }
}

extension MessageSleeper {
  fileprivate var json: JSON {
    .object(
      Show.json(pid, tid, since: since) + [
        ("type", .number(Int(type))), ("bytes", .number(byteCount)), ("except", .bool(except)),
      ])
  }
}
