import OmegaEngine
import OmegaLinux

/// One queue at one instant.
struct QueueDetails {
  /// Messages of one type.
  struct Kind {
    let type: Int64
    var messages = 0
    var bytes = 0
  }

  let status: QueueStatus
  /// By ascending type.
  let types: [Kind]
  /// The calls that wait, oldest first.
  let senders: [MessageSleeper]
  let receivers: [MessageSleeper]

  init(_ namespace: Namespace, _ identifier: Int32) throws(Errno) {
    var types: [Int64: Kind] = [:]
    var sleepers: [MessageSleeper] = []
    status = try namespace.inspectQueue(
      identifier,
      message: { type, byteCount in
        types[type, default: Kind(type: type)].messages += 1
        types[type, default: Kind(type: type)].bytes += byteCount
      },
      sleeper: { sleepers.append($0) })
    sleepers.sort { $0.sequence < $1.sequence }
    self.types = types.values.sorted { $0.type < $1.type }
    senders = sleepers.filter(\.isSender)
    receivers = sleepers.filter { !$0.isSender }
  }
}

extension MessageSleeper {
  /// Which message a receiver wants.
  var wish: String {
    if type == 0 { return "any message" }
    if type < 0 { return "the lowest type up to \(type == .min ? .max : -type)" }
    return except ? "any type but \(type)" : "type \(type)"
  }
}
