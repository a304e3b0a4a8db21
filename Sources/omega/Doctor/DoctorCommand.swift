import ArgumentParser
import OmegaEngine
import OmegaLinux

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check what this machine offers, and that the namespace is in order.",
    discussion: """
      Also removes private namespaces whose 'omega run' was killed.

      Exit status: 0 if all works, with notes or without; 1 if something does not.
      """)

  @OptionGroup var place: NamespaceOptions

  @ArgumentParser.Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let findings =
      Machine.findings() + [DeathTrial.finding()] + NamespaceCheck(place: place).findings()
      + [DoctorCommand.cleanUp()]
    if json {
      print(JSON.object([("findings", .array(findings.map(\.json)))]))
    } else {
      for finding in findings { for line in finding.lines { print(line) } }
    }
    if findings.contains(where: { $0.state == .fail }) { throw Status.failure }
  }

  private static func cleanUp() -> Finding {
    let removed = PrivateNamespace.removeStale()
    let left = PrivateNamespace.stale()
    if let first = left.first {
      return Finding(
        "private namespaces", .fail,
        "\(Words.count(left.count, "stale one")) cannot be removed, such as \(first.path)",
        "They only take room. Remove them by hand: rm -r \(first.path)")
    }
    return Finding(
      "private namespaces", .ok,
      removed == 0
        ? "no stale ones" : "removed \(Words.count(removed, "stale one")) of killed 'omega run'",
      "'omega run' removes its own when its command ends.")
  }
}
