import ArgumentParser
import OmegaEngine
import OmegaLinux

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm",
    abstract: "Remove sets, damaged ones too.",
    usage: """
      omega rm [--namespace DIR] ID ...
      omega rm [--namespace DIR] --key K ...
      omega rm [--namespace DIR] --owner USER
      omega rm [--namespace DIR] --all
      """,
    discussion: """
      Calls that sleep on a removed set end with EIDRM. --owner and --all print what they removed.

      Exit status: 0; 1 if any of the sets could not be removed (the others are).
      """)

  @OptionGroup var place: NamespaceOptions

  @Option(
    name: .customLong("key"), help: ArgumentHelp("The set that has the key K.", valueName: "K"))
  var keys: [String] = []

  @Option(help: ArgumentHelp("All sets that belong to USER (name or number).", valueName: "USER"))
  var owner: String?

  @ArgumentParser.Flag(help: "All sets of the namespace.")
  var all = false

  @Argument(help: ArgumentHelp("Ids, or keys in hexadecimal: 0x51000001.", valueName: "ID"))
  var objects: [String] = []

  func validate() throws {
    let ways = [!(objects.isEmpty && keys.isEmpty), owner != nil, all]
    if ways.filter(\.self).count != 1 {
      throw ValidationError("Say which sets: by ID or --key, by --owner, or --all.")
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
        try remove(try place.identifier(object, in: namespace), namespace)
      }
    }
    for key in keys.compactMap({ Words.key(parsing: $0) }) {
      attempt { () throws(Failure) in
        try remove(try place.identifier(key: key, in: namespace), namespace)
      }
    }
    if all || owner != nil, let namespace {
      for row in try chosen(namespace) {
        attempt { () throws(Failure) in
          let identifier = row.identifier ?? Int32(row.index)
          try remove(identifier, namespace)
          print("removed \(identifier)")
        }
      }
    }
    if failures > 0 { throw Status.failure }
  }

  /// The sets that --owner or --all mean.
  private func chosen(_ namespace: Namespace) throws(Failure) -> [SetRow] {
    let contents = try place.contents(namespace)
    let rows = contents.indices.compactMap {
      SetRow(namespace, index: $0, links: contents.links)
    }
    guard let owner = owner.flatMap({ Processes.userID($0) }) else { return rows }
    return rows.filter { row in
      if let permissions = row.permissions { return permissions.uid == owner }
      return Files.facts("\(place.path)/\(Words.fileName(index: row.index))")?.uid == owner
    }
  }

  private func remove(_ identifier: Int32, _ namespace: Namespace?) throws(Failure) {
    guard let namespace else { throw place.failure(identifier, .invalid, to: "remove") }
    let result = namespace.control(identifier, 0, Command.remove, 0)
    if result == 0 { return }
    let error = Errno(rawValue: -result)
    switch namespace.find(index: Int(identifier) & 0x7FFF) {
    case .damaged: try discard(index: Int(identifier) & 0x7FFF, namespace)
    case .removed: return  // Half removed by somebody else, who was killed; finished by looking.
    default: throw place.failure(identifier, error, to: "remove")
    }
  }

  /// Takes the names of a damaged set away: nobody can be asked about it any more.
  private func discard(index: Int, _ namespace: Namespace) throws(Failure) {
    let contents = try place.contents(namespace)
    let file = "\(place.path)/\(Words.fileName(index: index))"
    do throws(SystemError) {
      if Files.facts(file)?.isDirectory == true {
        try Files.removeEmptyDirectory(file)
      } else {
        try Files.remove(file)
      }
      // What shared namespaces keep beside the image, if it is there.
      try? Files.remove("\(file).id")
      if let link = contents.links[index] {
        try Files.remove("\(place.path)/sem.key.\(Words.key(link.key).dropFirst(2))")
      }
    } catch {
      throw Failure(
        file, error,
        wayOut: "Its owner and root may remove it; a directory with files by hand: rm -r \(file)")
    }
  }
}
