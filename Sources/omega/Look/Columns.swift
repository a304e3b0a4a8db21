import OmegaEngine
import OmegaLinux

extension ObjectKind {
  /// Above its table.
  var title: String {
    switch self {
    case .semaphores: "Semaphore sets"
    case .queues: "Message queues"
    case .segments: "Memory segments"
    }
  }
}

/// A row as a line of a table, and as JSON.
extension ObjectRow {
  static func columns(_ kind: ObjectKind) -> [(String, Table.Alignment)] {
    let common: [(String, Table.Alignment)] = [
      ("KEY", .left), ("ID", .right), ("PERMS", .left), ("OWNER", .left),
    ]
    return switch kind {
    case .semaphores:
      common + [("NSEMS", .right), ("WAITING", .right), ("UNDO", .right), ("LAST-OP", .left)]
    case .queues:
      common + [
        ("MSGS", .right), ("BYTES", .right), ("SEND", .right), ("RECV", .right),
        ("LAST-SEND", .left), ("LAST-RECV", .left),
      ]
    case .segments:
      common + [
        ("SIZE", .right), ("NATTCH", .right), ("STATUS", .left), ("LPID", .right),
        ("ATTACHED", .left),
      ]
    }
  }

  var cells: [String] {
    let common = [
      key.map(Words.key) ?? "?", identifier.map { String($0) } ?? "?",
      permissions.map { Words.permissions($0.mode) } ?? "?",
      permissions.map { Processes.userName($0.uid) } ?? "?",
    ]
    return switch kind {
    case .semaphores:
      common + [
        ObjectRow.text(figures.semaphoreCount, unknown: "?"), ObjectRow.text(figures.waiting),
        ObjectRow.text(figures.holders), time(figures.otime),
      ]
    case .queues:
      common + [
        ObjectRow.text(figures.queue?.messages), ObjectRow.text(figures.queue?.bytes),
        ObjectRow.text(figures.senders), ObjectRow.text(figures.receivers),
        time(figures.queue?.stime),
        state == .usable ? time(figures.queue?.rtime) : "-",
      ]
    case .segments:
      common + [
        ObjectRow.text(figures.byteCount, unknown: "?"),
        ObjectRow.text(figures.segment?.attachments), figures.segment?.marks ?? "-",
        ObjectRow.text(figures.segment.map { Int($0.lastPid) }), time(figures.segment?.attachTime),
      ]
    }
  }

  private static func text(_ number: Int?, unknown: String = "-") -> String {
    number.map { String($0) } ?? unknown
  }

  private func time(_ seconds: Int64?) -> String {
    switch state {
    case .usable: Clock.short(seconds ?? 0)
    case .inaccessible: "-"
    default: state.rawValue
    }
  }

  var json: JSON {
    .object(
      [
        ("id", .optional(identifier.map { Int($0) })),
        ("index", .number(index)),
        ("key", .optional(key.map(Words.key))),
        ("state", .text(state.rawValue)),
        ("problem", .optional(problem)),
        ("permissions", permissions?.json ?? .null),
      ] + kindJSON + [("ctime", .optional(ctime.map { Int($0) }))])
  }

  private var kindJSON: [(String, JSON)] {
    switch kind {
    case .semaphores:
      [
        ("nsems", .optional(figures.semaphoreCount)),
        ("waiting", .optional(figures.waiting)),
        ("undo", .optional(figures.holders)),
        ("otime", .optional(figures.otime.map { Int($0) })),
      ]
    case .queues:
      ObjectRow.json(figures.queue) + [
        ("senders", .optional(figures.senders)), ("receivers", .optional(figures.receivers)),
      ]
    case .segments:
      ObjectRow.json(figures.segment, byteCount: figures.byteCount)
    }
  }

  /// What only segments have, under the names of `struct shmid_ds`.
  static func json(_ segment: SegmentStatus?, byteCount: Int?) -> [(String, JSON)] {
    [
      ("segsz", .optional(byteCount)),
      ("nattch", .optional(segment?.attachments)),
      ("removed", segment.map { .bool($0.isDoomed) } ?? .null),
      ("locked", segment.map { .bool($0.isLocked) } ?? .null),
      ("cpid", .optional(segment.map { Int($0.creatorPid) })),
      ("lpid", .optional(segment.map { Int($0.lastPid) })),
      ("atime", .optional(segment.map { Int($0.attachTime) })),
      ("dtime", .optional(segment.map { Int($0.detachTime) })),
    ]
  }

  /// What changes with a queue's messages, under the names of `struct msqid_ds`.
  static func json(_ queue: QueueStatus?) -> [(String, JSON)] {
    [
      ("qnum", .optional(queue?.messages)),
      ("cbytes", .optional(queue?.bytes)),
      ("qbytes", .optional(queue.map { Int(clamping: $0.queueBytes) })),
      ("lspid", .optional(queue.map { Int($0.lastSender) })),
      ("lrpid", .optional(queue.map { Int($0.lastReceiver) })),
      ("stime", .optional(queue.map { Int($0.stime) })),
      ("rtime", .optional(queue.map { Int($0.rtime) })),
    ]
  }
}

extension SegmentStatus {
  /// Removed, and only there for those who have it attached.
  var isDoomed: Bool { UInt64(flags) & SegmentFlag.doomed != 0 }
  var isLocked: Bool { UInt64(flags) & SegmentFlag.locked != 0 }

  /// As ipcs(1) calls them.
  var marks: String {
    let marks = [isDoomed ? "dest" : nil, isLocked ? "locked" : nil].compactMap(\.self)
    return marks.isEmpty ? "-" : marks.joined(separator: ",")
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
