import ArgumentParser
import OmegaEngine
import OmegaLinux

struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show one object: what is in it, who waits for what since when.",
    usage: "omega show [--namespace DIR] [-s] [-q] [-m] [--json] ID",
    discussion: """
      Of a set: its values, the waiting calls, and who holds undo adjustments. NCNT and ZCNT count the \
      sleeping calls as GETNCNT and GETZCNT do; adjustments are what SEM_UNDO will add to the values \
      when the process ends. Of a queue: its messages by type, and who waits to send and to receive. Of a segment: who has it attached since when.

      Identifiers of different kinds can be the same; then say which is meant: -s 0, -q 0, -m 0.

      Exit status: 0; 1 if there is no such object, or you may not read it.
      """)

  @OptionGroup var place: NamespaceOptions
  @OptionGroup var kinds: KindOptions

  @ArgumentParser.Flag(help: "Print JSON; times are seconds since 1970, 0 for never.")
  var json = false

  @Argument(help: ArgumentHelp("An id, or a key in hexadecimal: 0x51000001.", valueName: "ID"))
  var object: String

  func run() throws {
    let namespace = try place.existing()
    let name = try place.object(object, of: kinds.chosen, in: namespace, for: "show")
    guard let namespace else {
      throw place.failure(name.kind, name.identifier, .invalid, to: "read")
    }
    do throws(Errno) {
      switch name.kind {
      case .semaphores:
        let details = try SetDetails(namespace, name.identifier)
        if json { print(details.json) } else { details.show() }
      case .queues:
        let details = try QueueDetails(namespace, name.identifier)
        if json { print(details.json) } else { details.show() }
      case .segments:
        let details = try SegmentDetails(namespace, name.identifier)
        if json { print(details.json) } else { details.show() }
      }
    } catch {
      throw place.whyNot(namespace, name, error, to: "read")
    }
  }
}

/// Lines that all kinds have.
enum Show {
  static func owner(_ permissions: Permissions) -> String {
    "\(Processes.userName(permissions.uid)):\(Processes.groupName(permissions.gid))"
      + ", created by \(Processes.userName(permissions.cuid))"
      + ":\(Processes.groupName(permissions.cgid))"
  }

  static func mode(_ permissions: Permissions) -> String {
    "\(Words.permissions(permissions.mode)) (\(Words.octal(permissions.mode)))"
  }

  static func key(_ key: Int32) -> String {
    key == privateKey ? "private (no key)" : Words.key(key)
  }

  /// A process that is gone keeps its number in the object.
  static func name(_ pid: UInt32) -> String {
    Processes.command(Int32(bitPattern: pid)) ?? "(ended)"
  }

  /// The process, and the thread where it is another one.
  static func caller(_ pid: UInt32, _ tid: UInt32) -> String {
    pid == tid ? String(pid) : "\(pid)/\(tid)"
  }

  static func since(_ time: Int64) -> String {
    "\(Clock.short(time)) (\(Words.age(Processes.now - Int(time))))"
  }

  static func json(_ pid: UInt32, _ tid: UInt32, since: Int64) -> [(String, JSON)] {
    [
      ("pid", .number(Int(pid))), ("tid", .number(Int(tid))),
      ("command", .optional(Processes.command(Int32(bitPattern: pid)))),
      ("since", .number(Int(since))),
    ]
  }
}
