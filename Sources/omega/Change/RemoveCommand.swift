import ArgumentParser
import OmegaEngine
import OmegaLinux

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm",
    abstract: "Remove objects, damaged ones too.",
    usage: """
      omega rm [--namespace DIR] [-s] [-q] [-m] ID ...
      omega rm [--namespace DIR] [-s] [-q] [-m] --key K ...
      omega rm [--namespace DIR] [-s] [-q] [-m] --owner USER
      omega rm [--namespace DIR] [-s] [-q] [-m] --all
      """,
    discussion: """
      Identifiers and keys of different kinds can be the same; then say which is meant: -s 0, -q 0, -m 0. \
      Calls that sleep on a removed object end with EIDRM; a segment's memory stays until the last \
      process has detached it. What was removed is printed, unless it was \
      named with its kind.

      Exit status: 0; 1 if any of the objects could not be removed (the others are).
      """)

  @OptionGroup var place: NamespaceOptions
  @OptionGroup var kinds: KindOptions

  @Option(
    name: .customLong("key"),
    help: ArgumentHelp("The object that has the key K.", valueName: "K"))
  var keys: [String] = []

  @Option(
    help: ArgumentHelp("All objects that belong to USER (name or number).", valueName: "USER"))
  var owner: String?

  @ArgumentParser.Flag(help: "All objects of the namespace.")
  var all = false

  @Argument(help: ArgumentHelp("Ids, or keys in hexadecimal: 0x51000001.", valueName: "ID"))
  var objects: [String] = []

  func validate() throws {
    let ways = [!(objects.isEmpty && keys.isEmpty), owner != nil, all]
    let given = ways.filter(\.self).count
    if given != 1 {
      throw ValidationError(
        (given > 1 ? "Say it in one of these ways" : "Say which objects")
          + ": by ID or --key, by --owner, or --all.")
    }
    for key in keys where Words.key(parsing: key) == nil {
      throw ValidationError("'\(key)' is not a key. Give 1 to 4294967295, decimal or after 0x.")
    }
    if let owner, Processes.userID(owner) == nil {
      throw ValidationError("There is no user '\(owner)'.")
    }
  }

  func run() throws {
    let namespace = try place.existing()
    var failures = 0
    func attempt(_ body: () throws(Failure) -> Void) {
      do throws(Failure) { try body() } catch {
        failures += 1
        Terminal.complain("\(error)")
      }
    }
    for object in objects {
      attempt { () throws(Failure) in
        let name = try place.object(object, of: kinds.chosen, in: namespace, for: "rm")
        try remove(name, namespace)
        if kinds.chosen.count > 1 { tell(name) }
      }
    }
    for key in keys.compactMap({ Words.key(parsing: $0) }) {
      attempt { () throws(Failure) in
        let name = try place.object(key: key, of: kinds.chosen, in: namespace, for: "rm")
        try remove(name, namespace)
        if kinds.chosen.count > 1 { tell(name) }
      }
    }
    if all || owner != nil, let namespace {
      for row in try chosen(namespace) {
        attempt { () throws(Failure) in
          let name = ObjectName(
            kind: row.kind, identifier: row.identifier ?? Int32(row.index))
          try remove(name, namespace)
          tell(name)
        }
      }
    }
    if failures > 0 { throw Status.failure }
  }

  private func tell(_ name: ObjectName) { print("removed \(name.kind.noun) \(name.identifier)") }

  /// The objects that --owner or --all mean.
  private func chosen(_ namespace: Namespace) throws(Failure) -> [ObjectRow] {
    let rows = try place.contents(namespace).rows(namespace, kinds.chosen)
    guard let owner = owner.flatMap({ Processes.userID($0) }) else { return rows }
    return rows.filter { row in
      if let permissions = row.permissions { return permissions.uid == owner }
      return Files.facts("\(place.path)/\(row.kind.fileName(index: row.index))")?.uid == owner
    }
  }

  private func remove(_ name: ObjectName, _ namespace: Namespace?) throws(Failure) {
    let (kind, identifier) = (name.kind, name.identifier)
    guard let namespace else { throw place.failure(kind, identifier, .invalid, to: "remove") }
    let result =
      switch kind {
      case .semaphores: namespace.control(identifier, 0, Command.remove, 0)
      case .queues: namespace.removeQueue(identifier)
      case .segments: namespace.controlSegment(identifier, Command.remove, 0)
      }
    if result == 0 { return }
    let index = Int(identifier) & 0x7FFF
    let row = ObjectRow(namespace, kind, index: index, link: nil)
    switch row?.state {
    case .damaged: try discard(kind, index: index, namespace)
    case .removed: return  // Half removed by somebody else, who was killed; finished by looking.
    default: throw place.failure(kind, identifier, Errno(rawValue: -result), to: "remove")
    }
  }

  /// Takes the names of a damaged object away: nobody can be asked about it any more.
  private func discard(
    _ kind: ObjectKind, index: Int, _ namespace: Namespace
  ) throws(Failure) {
    let contents = try place.contents(namespace).kinds.first { $0.kind == kind }
    let file = "\(place.path)/\(kind.fileName(index: index))"
    do throws(SystemError) {
      if Files.facts(file)?.isDirectory == true {
        try Files.removeEmptyDirectory(file)
      } else {
        try Files.remove(file)
      }
      // What shared namespaces keep beside the image, if it is there.
      try? Files.remove("\(file).id")
      if let link = contents?.links[index] {
        try Files.remove("\(place.path)/\(kind.linkName(key: link.key))")
      }
    } catch {
      throw Failure(
        file, error,
        wayOut: "Its owner and root may remove it; a directory with files by hand: rm -r \(file)")
    }
  }
}
