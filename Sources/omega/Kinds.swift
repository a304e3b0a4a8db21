import ArgumentParser
import OmegaLinux

/// The kinds of object, in the words and letters of ipcs(1), ipcmk(1) and ipcrm(1).
extension ObjectKind {
  /// Those that can be listed, in the order in which they are.
  static let listed: [ObjectKind] = [.semaphores, .queues, .segments]

  /// `sem`, `msg`, `shm`: with what the files' names begin.
  var filePrefix: String { "\(prefix)" }

  var noun: String {
    switch self {
    case .semaphores: "set"
    case .queues: "queue"
    case .segments: "segment"
    }
  }

  var fullNoun: String {
    switch self {
    case .semaphores: "semaphore set"
    case .queues: "message queue"
    case .segments: "memory segment"
    }
  }

  var option: String {
    switch self {
    case .semaphores: "-s"
    case .queues: "-q"
    case .segments: "-m"
    }
  }

  /// The name of the array in JSON.
  var plural: String {
    switch self {
    case .semaphores: "semaphores"
    case .queues: "queues"
    case .segments: "segments"
    }
  }

  func fileName(index: Int) -> String {
    let digits = String(index)
    return "\(filePrefix)." + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  func linkName(key: Int32) -> String { "\(filePrefix).key.\(Words.key(key).dropFirst(2))" }
}

/// `-s`, `-q` and `-m`, the letters of ipcs(1).
struct KindOptions: ParsableArguments {
  @ArgumentParser.Flag(name: [.customShort("s"), .long], help: "Only semaphore sets.")
  var semaphores = false

  @ArgumentParser.Flag(name: [.customShort("q"), .long], help: "Only message queues.")
  var queues = false

  @ArgumentParser.Flag(name: [.customShort("m"), .long], help: "Only memory segments.")
  var segments = false

  /// Those that were asked for; all when none was.
  var chosen: [ObjectKind] {
    let some = ObjectKind.listed.filter(isNamed)
    return some.isEmpty ? ObjectKind.listed : some
  }

  private func isNamed(_ kind: ObjectKind) -> Bool {
    switch kind {
    case .semaphores: semaphores
    case .queues: queues
    case .segments: segments
    }
  }
}
