import ArgumentParser
import OmegaEngine
import OmegaLinux

struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show one set: values, who waits for what since when, who holds undo adjustments.",
    discussion: """
      NCNT and ZCNT count the sleeping calls as GETNCNT and GETZCNT do. Adjustments are what \
      SEM_UNDO will add to the values when the process ends.

      Exit status: 0; 1 if there is no such set, or you may not read it.
      """)

  @OptionGroup var place: NamespaceOptions

  @ArgumentParser.Flag(help: "Print JSON; times are seconds since 1970, 0 for never.")
  var json = false

  @Argument(help: ArgumentHelp("An id, or a key in hexadecimal: 0x51000001.", valueName: "ID"))
  var object: String

  func run() throws {
    let namespace = try place.existing()
    let identifier = try place.identifier(object, in: namespace)
    guard let namespace else { throw place.failure(identifier, .invalid, to: "read") }
    let details: SetDetails
    do throws(Errno) {
      details = try SetDetails(namespace, identifier)
    } catch {
      throw place.whyNot(namespace, identifier, error, to: "read")
    }
    if json { print(details.json) } else { show(details) }
  }

  private func show(_ details: SetDetails) {
    let status = details.status
    let permissions = status.permissions
    let key = status.key == privateKey ? "private (no key)" : Words.key(status.key)
    print("set \(status.identifier), \(Words.count(status.semaphoreCount, "semaphore"))")
    print("  key       \(key)")
    print(
      "  owner     \(Processes.userName(permissions.uid)):\(Processes.groupName(permissions.gid))"
        + ", created by \(Processes.userName(permissions.cuid))"
        + ":\(Processes.groupName(permissions.cgid))")
    print("  perms     \(Words.permissions(permissions.mode)) (\(Words.octal(permissions.mode)))")
    print("  last op   \(Clock.long(status.otime))")
    print("  changed   \(Clock.long(status.ctime))")
    print()
    showSemaphores(details)
    showWaiting(details)
    showUndo(details)
  }

  /// Neighbours that are alike share a line, so that a large set stays readable.
  private func showSemaphores(_ details: SetDetails) {
    var table = Table([
      ("SEMNUM", .right), ("VALUE", .right), ("NCNT", .right), ("ZCNT", .right),
      ("LAST-PID", .right), ("COMMAND", .left),
    ])
    let all = details.semaphores
    var first = 0
    while first < all.count {
      var last = first
      while last + 1 < all.count && all[last + 1] == all[first] { last += 1 }
      let semaphore = all[first]
      table.add([
        first == last ? String(first) : "\(first)-\(last)", String(semaphore.value),
        String(semaphore.waitingForIncrease), String(semaphore.waitingForZero),
        semaphore.lastPid == 0 ? "-" : String(semaphore.lastPid),
        semaphore.lastPid == 0 ? "" : ShowCommand.name(semaphore.lastPid),
      ])
      first = last + 1
    }
    table.show()
  }

  private func showWaiting(_ details: SetDetails) {
    if details.waiting.isEmpty {
      print("\nNobody waits.")
      return
    }
    print("\n\(Words.count(details.waiting.count, "waiting call")), oldest first:")
    var table = Table([
      ("PID", .right), ("COMMAND", .left), ("SINCE", .left), ("OPERATION", .left),
      ("WAITS FOR", .left),
    ])
    for call in details.waiting {
      table.add([
        call.pid == call.tid ? String(call.pid) : "\(call.pid)/\(call.tid)",
        ShowCommand.name(call.pid),
        "\(Clock.short(call.since)) (\(Words.age(Processes.now - Int(call.since))))",
        call.blockedOperation, call.condition,
      ])
    }
    let lines = table.lines
    print(lines[0])
    for (line, call) in zip(lines.dropFirst(), details.waiting) {
      print(line)
      if call.operations.count > 1 {
        print("        in one step of \(call.operations.count): \(call.text)")
      }
    }
  }

  private func showUndo(_ details: SetDetails) {
    if details.undo.isEmpty {
      print("\nNobody holds undo adjustments.")
      return
    }
    let holders =
      details.undo.count == 1 ? "1 process holds" : "\(details.undo.count) processes hold"
    print("\n\(holders) undo adjustments:")
    var table = Table([("PID", .right), ("COMMAND", .left), ("ADDED WHEN IT ENDS", .left)])
    for entry in details.undo {
      let limit = 6
      var text = entry.adjustments.prefix(limit)
        .map { "[\($0.semaphore)] \(Words.signed($0.amount))" }.joined(separator: ", ")
      if entry.adjustments.count > limit { text += ", ... (\(entry.adjustments.count) in all)" }
      table.add([String(entry.pid), ShowCommand.name(entry.pid), text])
    }
    table.show()
  }

  /// A process that is gone keeps its number in the set.
  private static func name(_ pid: UInt32) -> String {
    Processes.command(Int32(bitPattern: pid)) ?? "(ended)"
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
    .object([
      ("pid", .number(Int(pid))), ("tid", .number(Int(tid))),
      ("command", .optional(Processes.command(Int32(bitPattern: pid)))),
      ("since", .number(Int(since))),
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

extension NamespaceOptions {
  /// The id that an id or a key on the command line means.
  func identifier(_ text: String, in namespace: Namespace?) throws(Failure) -> Int32 {
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      guard let key = Words.key(parsing: text) else {
        throw Failure(
          Words.printable(text), "is not a key",
          wayOut: "A key has up to eight hexadecimal digits: 0x51000001")
      }
      return try identifier(key: key, in: namespace)
    }
    guard let identifier = Int32(text), identifier >= 0 else {
      throw Failure(
        Words.printable(text), "is not an id", wayOut: "The ids are in the list: " + command("ls"))
    }
    return identifier
  }

  func identifier(key: Int32, in namespace: Namespace?) throws(Failure) -> Int32 {
    guard let link = namespace?.link(key: key) else {
      throw Failure(
        "key \(Words.key(key)) in \(path)", "no set has it",
        wayOut: "List the sets: " + command("ls"))
    }
    return link.identifier
  }

  /// An errno, or the damage that it stands for.
  func whyNot(
    _ namespace: Namespace, _ identifier: Int32, _ error: Errno, to action: String
  ) -> Failure {
    if case .damaged(let damage) = namespace.find(index: Int(identifier) & 0x7FFF) {
      var row = SetRow(index: Int(identifier) & 0x7FFF)
      row.identifier = identifier
      row.problem = damage.text
      return failure(damaged: row)
    }
    return failure(identifier, error, to: action)
  }
}
