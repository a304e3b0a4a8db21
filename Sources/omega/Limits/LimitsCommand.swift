import ArgumentParser
import OmegaEngine
import OmegaLinux

struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits",
    abstract: "Show or set the limits of a namespace.",
    discussion: """
      The kernel has them in /proc/sys/kernel/sem, a namespace in its file 'limits'. A process \
      reads them when it first uses the namespace, so a change holds for programs started \
      afterwards.

      Exit status: 0; 1 if they could not be set.
      """)

  @OptionGroup var place: NamespaceOptions

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Set limits: semmsl, semmns, semopm, semmni; 'default' is a value too.",
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
          "'\(assignment)' sets no limit. Give semmsl, semmns, semopm or semmni: --set semmsl=100")
      }
      let standard = NamespaceLimits()[keyPath: limit.path]
      let value = sides[1] == "default" ? standard : Int(sides[1])
      guard let value, limit.range.contains(value) else {
        throw ValidationError(
          "\(limit.name) can be \(limit.range.lowerBound) to \(limit.range.upperBound), "
            + "not '\(sides[1])'.")
      }
      limits[keyPath: limit.path] = value
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
    var usage = (sets: 0, semaphores: 0)
    if let namespace = try current() {
      limits = namespace.limits
      usage = namespace.usage()
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
    let text = NamedLimit.all.map { String(limits[keyPath: $0.path]) }.joined(separator: " ")
    do throws(SystemError) {
      try Files.write(text + "\n", to: "\(path)/limits", mode: 0o644)
    } catch {
      throw Failure(
        "\(path)/limits", error, wayOut: "Look at the directory: ls -ld \(path); df \(path)")
    }
  }

  private func show(_ limits: NamespaceLimits, _ usage: (sets: Int, semaphores: Int)) {
    var table = Table([
      ("LIMIT", .left), ("VALUE", .right), ("IN USE", .right), ("DEFAULT", .right),
      ("MEANING", .left),
    ])
    for limit in NamedLimit.all {
      table.add([
        limit.name.uppercased(), String(limits[keyPath: limit.path]),
        limit.inUse(usage).map { String($0) } ?? "-",
        String(NamespaceLimits()[keyPath: limit.path]), limit.meaning,
      ])
    }
    let highest = String(Limit.semaphoreValue)
    table.add(["SEMVMX", highest, "-", highest, "value of a semaphore (fixed)"])
    table.show()
  }

  private func document(_ limits: NamespaceLimits, _ usage: (sets: Int, semaphores: Int)) -> JSON {
    .object(
      [("namespace", .text(place.path))]
        + NamedLimit.all.map {
          (
            $0.name,
            .object([
              ("value", .number(limits[keyPath: $0.path])),
              ("in_use", .optional($0.inUse(usage))),
              ("default", .number(NamespaceLimits()[keyPath: $0.path])),
            ])
          )
        })
  }
}

/// A limit under its Linux name, in the order of the file `limits`.
private struct NamedLimit {
  let name: String
  let meaning: String
  let range: ClosedRange<Int>
  let path: WritableKeyPath<NamespaceLimits, Int>

  func inUse(_ usage: (sets: Int, semaphores: Int)) -> Int? {
    switch name {
    case "semmns": usage.semaphores
    case "semmni": usage.sets
    default: nil
    }
  }

  static var all: [NamedLimit] {
    [
      NamedLimit(
        name: "semmsl", meaning: "semaphores in a set", range: 1...Limit.semaphoresPerSet,
        path: \.semaphoresPerSet),
      NamedLimit(
        name: "semmns", meaning: "semaphores in all sets", range: 1...Int(Int32.max),
        path: \.semaphoresInAll),
      NamedLimit(
        name: "semopm", meaning: "operations in a call", range: 1...Limit.operationsPerCall,
        path: \.operationsPerCall),
      NamedLimit(
        name: "semmni", meaning: "sets", range: 1...Limit.sets, path: \.sets),
    ]
  }
}
