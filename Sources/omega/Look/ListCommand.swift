import ArgumentParser
import OmegaEngine
import OmegaLinux

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List the objects of a namespace.",
    usage: "omega ls [--namespace DIR] [-s] [-q] [-m] [--json]",
    discussion: """
      WAITING counts calls that sleep on the object, UNDO processes that hold SEM_UNDO adjustments; \
      of a queue SEND and RECV count the calls that wait to send and to receive. They are - where you \
      may not read the object. LAST-OP is the time of the last semop. \
      STATUS of a segment is dest when it is removed and only those who have it attached still use it; \
      ATTACHED is the time of the last shmat.

      Exit status: 0; 1 if an object is damaged (which one, why, and the way out go to standard \
      error).
      """)

  @OptionGroup var place: NamespaceOptions
  @OptionGroup var kinds: KindOptions

  @ArgumentParser.Flag(help: "Print JSON; times are seconds since 1970, 0 for never.")
  var json = false

  func run() throws {
    var rows: [ObjectRow] = []
    var foreign: [String] = []
    if let namespace = try place.existing() {
      let contents = try place.contents(namespace)
      rows = contents.rows(namespace, kinds.chosen)
      foreign = contents.foreign
    }
    if json { print(document(rows, foreign)) } else { show(rows) }
    let damaged = rows.filter { $0.state == .damaged }
    for row in damaged { Terminal.complain("\(place.failure(damaged: row))") }
    for name in foreign {
      Terminal.complain(
        "\(place.path)/\(Words.printable(name)): is no file of Omega IPC's; nobody looks at it",
        label: "Note: ")
    }
    if !damaged.isEmpty { throw Status.failure }
  }

  /// A table for each kind; with its name above where there can be several.
  private func show(_ rows: [ObjectRow]) {
    let chosen = kinds.chosen
    var isFirst = true
    for kind in chosen {
      var table = Table(ObjectRow.columns(kind))
      for row in rows where row.kind == kind && row.state != .removed { table.add(row.cells) }
      if chosen.count > 1 {
        if table.isEmpty { continue }
        print((isFirst ? "" : "\n") + kind.title)
      }
      table.show()
      isFirst = false
    }
    if isFirst { print("Nothing in \(place.path).") }
  }

  private func document(_ rows: [ObjectRow], _ foreign: [String]) -> JSON {
    .object(
      [("namespace", .text(place.path))]
        + kinds.chosen.map { kind in
          (kind.plural, .array(rows.filter { $0.kind == kind }.map(\.json)))
        } + [("foreign", .array(foreign.map { .text($0) }))])
  }
}
