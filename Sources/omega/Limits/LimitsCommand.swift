import ArgumentParser
import OmegaEngine
import OmegaLinux

struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits",
    abstract: "Show or set the limits of a namespace.",
    discussion: """
      The kernel has them in /proc/sys/kernel, in sem, msgmax, msgmnb, msgmni, shmmax, shmall and \
      shmmni; a namespace has them in its file 'limits'. A process reads them when it first uses the \
      namespace, so a change holds for programs started afterwards.

      Exit status: 0; 1 if they could not be set.
      """)

  /// Objects of each kind, and semaphores or pages in them.
  fileprivate typealias Usage = [ObjectKind: (objects: Int, units: Int)]

  @OptionGroup var place: NamespaceOptions

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Set limits: \(NamedLimit.names); 'default' is a value too.",
      valueName: "NAME=VALUE,..."))
  var assignments: [String] = []

  @ArgumentParser.Flag(help: "Print JSON.")
  var json = false

  /// The limits that the command line asks for.
  private func changed(_ old: NamespaceLimits) throws(ValidationError) -> NamespaceLimits {
    var limits = old
    for assignment in assignments.flatMap({ $0.split(separator: ",") }) {
      let sides = assignment.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2,
        let limit = NamedLimit.all.first(where: { $0.name == sides[0].lowercased() })
      else {
        throw ValidationError(
          Terminal.wrap(
            "'\(assignment)' sets no limit. Give one of \(NamedLimit.names): --set semmsl=100",
            after: 7, width: Terminal.errorWidth))
      }
      let range = NamespaceLimits.range(limit.position)
      let value = sides[1] == "default" ? limit.standard : UInt(sides[1])
      guard let value, range.contains(value) else {
        throw ValidationError(
          "\(limit.name) can be \(range.lowerBound) to \(range.upperBound), not '\(sides[1])'.")
      }
      limits[limit.position] = value
    }
    return limits
  }

  func validate() throws { _ = try changed(NamespaceLimits()) }

  func run() throws {
    if !assignments.isEmpty {
      try set()
      return
    }
    var limits = NamespaceLimits()
    var usage: Usage = [:]
    if let namespace = try current() {
      limits = namespace.limits
      for kind in ObjectKind.listed { usage[kind] = namespace.usage(of: kind) }
    }
    if json { print(document(limits, usage)) } else { show(limits, usage) }
  }

  /// The namespace if it is there, also when nothing but its limits is.
  private func current() throws(Failure) -> Namespace? {
    if let namespace = try place.existing() { return namespace }
    return Files.facts("\(place.path)/limits") == nil ? nil : try place.made()
  }

  private func set() throws {
    let path = try place.checked()
    let owner = Files.facts(path)?.uid ?? 0
    guard Processes.isRoot || owner == Processes.user else {
      throw Failure(
        path, "only its owner sets its limits, \(Processes.userName(owner))",
        wayOut: "Use a namespace of your own: --namespace DIR")
    }
    let limits = try changed(try current()?.limits ?? NamespaceLimits())
    let text = NamedLimit.all.map { String(limits[$0.position]) }.joined(separator: " ")
    do throws(SystemError) {
      try Files.write(text + "\n", to: "\(path)/limits", mode: 0o644)
    } catch {
      throw Failure(
        "\(path)/limits", error, wayOut: "Look at the directory: ls -ld \(path); df \(path)")
    }
  }

  private func show(_ limits: NamespaceLimits, _ usage: LimitsCommand.Usage) {
    var table = Table([
      ("LIMIT", .left), ("VALUE", .right), ("IN USE", .right), ("DEFAULT", .right),
      ("MEANING", .left),
    ])
    for limit in NamedLimit.all {
      table.add([
        limit.name.uppercased(), String(limits[limit.position]),
        limit.inUse(usage).map { String($0) } ?? "-",
        limit.standardText(limits), limit.meaning,
      ])
    }
    let highest = String(Limit.semaphoreValue)
    table.add(["SEMVMX", highest, "-", "same", "value of a semaphore (fixed)"])
    table.show()
  }

  private func document(_ limits: NamespaceLimits, _ usage: LimitsCommand.Usage) -> JSON {
    .object(
      [("namespace", .text(place.path))]
        + NamedLimit.all.map {
          (
            $0.name,
            .object([
              ("value", .unsigned(limits[$0.position])),
              ("in_use", .optional($0.inUse(usage))),
              ("default", .unsigned($0.standard)),
            ])
          )
        })
  }
}

/// A limit under its Linux name.
private struct NamedLimit {
  let name: String
  let meaning: String
  /// Its place in the file `limits`.
  let position: Int

  var standard: UInt { NamespaceLimits()[position] }

  /// What the default is, short enough for a terminal of 80 columns.
  func standardText(_ limits: NamespaceLimits) -> String {
    if limits[position] == standard { return "same" }
    return standard == NamespaceLimits.highestSize ? "no limit" : String(standard)
  }

  func inUse(_ usage: LimitsCommand.Usage) -> Int? {
    switch name {
    case "semmns": usage[.semaphores]?.units ?? 0
    case "semmni": usage[.semaphores]?.objects ?? 0
    case "msgmni": usage[.queues]?.objects ?? 0
    case "shmall": usage[.segments]?.units ?? 0
    case "shmmni": usage[.segments]?.objects ?? 0
    default: nil
    }
  }

  static var names: String { all.map(\.name).joined(separator: ", ") }

  /// All, in the order of the file.
  static var all: [NamedLimit] {
    let names = [
      ("semmsl", "semaphores in a set"),
      ("semmns", "semaphores in all sets"),
      ("semopm", "operations in a call"),
      ("semmni", "sets"),
      ("msgmax", "bytes in a message"),
      ("msgmnb", "bytes in a queue"),
      ("msgmni", "queues"),
      ("shmmax", "bytes in a segment"),
      ("shmall", "pages in all segments"),
      ("shmmni", "segments"),
    ]
    precondition(names.count == NamespaceLimits.count)
    return names.enumerated().map {
      NamedLimit(name: $1.0, meaning: $1.1, position: $0)
    }
  }
}
