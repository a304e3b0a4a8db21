import ArgumentParser
import OmegaEngine
import OmegaLinux

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List the objects of a namespace.",
    discussion: """
      WAITING counts calls that sleep on the set, UNDO processes that hold SEM_UNDO adjustments; \
      both are - where you may not read the set. LAST-OP is the time of the last semop.

      Exit status: 0; 1 if an object is damaged (which one, why, and the way out go to standard \
      error).
      """)

  @OptionGroup var place: NamespaceOptions

  @ArgumentParser.Flag(help: "Print JSON; times are seconds since 1970, 0 for never.")
  var json = false

  func run() throws {
    var rows: [SetRow] = []
    var contents: Contents?
    if let namespace = try place.existing() {
      let names = try place.contents(namespace)
      rows = names.indices.compactMap { SetRow(namespace, index: $0, links: names.links) }
      contents = names
    }
    if json { print(document(rows, contents)) } else { show(rows) }
    let damaged = rows.filter { $0.state == .damaged }
    for row in damaged { Terminal.complain("\(place.failure(damaged: row))") }
    for name in contents?.foreign ?? [] {
      Terminal.complain(
        "\(place.path)/\(Words.printable(name)): is no file of Omega IPC's; nobody looks at it",
        label: "Note: ")
    }
    if !damaged.isEmpty { throw Status.failure }
  }

  private func show(_ rows: [SetRow]) {
    var table = Table([
      ("KEY", .left), ("ID", .right), ("PERMS", .left), ("OWNER", .left), ("NSEMS", .right),
      ("WAITING", .right), ("UNDO", .right), ("LAST-OP", .left),
    ])
    for row in rows where row.state != .removed {
      table.add([
        row.key.map(Words.key) ?? "?", row.identifier.map { String($0) } ?? "?",
        row.permissions.map { Words.permissions($0.mode) } ?? "?",
        row.permissions.map { Processes.userName($0.uid) } ?? "?",
        row.semaphoreCount.map { String($0) } ?? "?", row.waiting.map { String($0) } ?? "-",
        row.holders.map { String($0) } ?? "-",
        row.state == .usable
          ? Clock.short(row.otime ?? 0) : row.state == .inaccessible ? "-" : row.state.rawValue,
      ])
    }
    table.show()
  }

  private func document(_ rows: [SetRow], _ contents: Contents?) -> JSON {
    .object([
      ("namespace", .text(place.path)),
      ("semaphores", .array(rows.map(\.json))),
      ("foreign", .array((contents?.foreign ?? []).map { .text($0) })),
    ])
  }
}

extension SetRow {
  var json: JSON {
    .object([
      ("id", .optional(identifier.map { Int($0) })),
      ("index", .number(index)),
      ("key", .optional(key.map(Words.key))),
      ("state", .text(state.rawValue)),
      ("problem", .optional(problem)),
      ("nsems", .optional(semaphoreCount)),
      ("permissions", permissions?.json ?? .null),
      ("waiting", .optional(waiting)),
      ("undo", .optional(holders)),
      ("otime", .optional(otime.map { Int($0) })),
      ("ctime", .optional(ctime.map { Int($0) })),
    ])
  }
}

extension Permissions {
  var json: JSON {
    .object([
      ("mode", .text(Words.octal(mode))),
      ("uid", .number(Int(uid))), ("owner", .text(Processes.userName(uid))),
      ("gid", .number(Int(gid))), ("group", .text(Processes.groupName(gid))),
      ("cuid", .number(Int(cuid))), ("creator", .text(Processes.userName(cuid))),
      ("cgid", .number(Int(cgid))),
    ])
  }
}
