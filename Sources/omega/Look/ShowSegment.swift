import OmegaEngine
import OmegaLinux

/// One segment at one instant.
struct SegmentDetails {
  let status: SegmentStatus
  /// Who has it attached, the longest first.
  let processes: [AttachedProcess]

  init(_ namespace: Namespace, _ identifier: Int32) throws(Errno) {
    var processes: [AttachedProcess] = []
    status = try namespace.inspectSegment(identifier) { processes.append($0) }
    self.processes = processes.sorted { ($0.since, $0.pid) < ($1.since, $1.pid) }
  }
}

/// A segment for people, and as JSON.
extension SegmentDetails {
  func show() {
    let permissions = status.permissions
    print(
      "segment \(status.identifier), \(Words.count(status.byteCount, "byte")), attached "
        + "\(status.attachments == 1 ? "once" : "\(status.attachments) times")")
    print("  key       \(Show.key(status.key))")
    print("  owner     \(Show.owner(permissions))")
    print("  perms     \(Show.mode(permissions))")
    if status.isDoomed {
      print("  removed   its memory goes when the last process detaches it")
    }
    if status.isLocked { print("  locked    (the mark alone: nothing is locked into memory)") }
    print("  creator   \(SegmentDetails.process(status.creatorPid))")
    print("  attached  \(Clock.long(status.attachTime))")
    print("  detached  \(Clock.long(status.detachTime))")
    if status.lastPid != 0 { print("  last      \(SegmentDetails.process(status.lastPid))") }
    print("  changed   \(Clock.long(status.ctime))")
    if processes.isEmpty {
      print("\nNobody has it attached.")
      return
    }
    print(
      "\n\(processes.count == 1 ? "1 process has" : "\(processes.count) processes have") it attached:"
    )
    var table = Table([
      ("PID", .right), ("COMMAND", .left), ("SINCE", .left), ("TIMES", .right),
    ])
    for process in processes {
      table.add([
        String(process.pid), Show.name(process.pid), Show.since(process.since),
        String(process.attachments),
      ])
    }
    table.show()
  }

  private static func process(_ pid: UInt32) -> String {
    "\(pid) \(Words.printable(Show.name(pid)))"
  }

  var json: JSON {
    .object(
      [
        ("id", .number(Int(status.identifier))),
        ("key", .text(Words.key(status.key))),
        ("permissions", status.permissions.json),
      ] + ObjectRow.json(status, byteCount: status.byteCount) + [
        ("ctime", .number(Int(status.ctime))),
        (
          "processes",
          .array(
            processes.map {
              .object([
                ("pid", .number(Int($0.pid))),
                ("command", .optional(Processes.command(Int32(bitPattern: $0.pid)))),
                ("since", .number(Int($0.since))), ("attachments", .number($0.attachments)),
              ])
            })
        ),
      ])
  }
}
