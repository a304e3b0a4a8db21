import ArgumentParser
import OmegaEngine
import OmegaLinux

struct MakeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mk",
    abstract: "Make a semaphore set, a message queue or a memory segment; prints its id.",
    usage: """
      omega mk [--namespace DIR] -S N [--key K] [--mode M]
      omega mk [--namespace DIR] -Q [--key K] [--mode M]
      omega mk [--namespace DIR] -M SIZE [--key K] [--mode M]
      """,
    discussion: """
      The letters are those of ipcmk; the corresponding C functions are semget, msgget and shmget. All values \
      of a set are 0 at first, and so are all bytes of a segment. Without --key the object is private: it can be reached by its id only.

      Exit status: 0; 1 if it could not be made.
      """)

  @OptionGroup var place: NamespaceOptions

  @Option(
    name: [.customShort("S"), .customLong("semaphores")],
    help: ArgumentHelp("Make a set of N semaphores.", valueName: "N"))
  var semaphoreCount: Int32?

  @ArgumentParser.Flag(
    name: [.customShort("Q"), .customLong("queue")], help: "Make a message queue.")
  var makesQueue = false

  @Option(
    name: [.customShort("M"), .customLong("shmem")],
    help: ArgumentHelp(
      "Make a segment of SIZE bytes; K, M and G stand for powers of 1024.", valueName: "SIZE"))
  var segmentSize: String?

  @Option(help: ArgumentHelp("The object's key, decimal or 0x….", valueName: "K"))
  var key: String?

  @Option(help: ArgumentHelp("Permissions, octal.", valueName: "M"))
  var mode = "0644"

  func validate() throws {
    if let key, Words.key(parsing: key) == nil || Words.key(parsing: key) == privateKey {
      throw ValidationError("'\(key)' is not a key. Give 1 to 4294967295, decimal or after 0x.")
    }
    if Words.mode(parsing: mode) == nil {
      throw ValidationError("'\(mode)' is not a mode. Give three octal digits, such as 644.")
    }
    let given = [semaphoreCount != nil, makesQueue, segmentSize != nil].filter(\.self).count
    if given != 1 {
      throw ValidationError(
        (given > 1 ? "One object at a time" : "Say what to make")
          + ": -S N (a set), -Q (a queue) or -M SIZE (a segment).")
    }
    if let segmentSize, Words.byteCount(parsing: segmentSize) ?? 0 == 0 {
      throw ValidationError("'\(segmentSize)' is not a size. Give 1 or more, as 4096, 64K or 2M.")
    }
    if let semaphoreCount, semaphoreCount < 1 || semaphoreCount > Int32(Limit.semaphoresPerSet) {
      throw ValidationError("A set has 1 to \(Limit.semaphoresPerSet) semaphores.")
    }
  }

  private var kind: ObjectKind {
    makesQueue ? .queues : segmentSize == nil ? .semaphores : .segments
  }

  func run() throws {
    let namespace = try place.made()
    let number = key.flatMap { Words.key(parsing: $0) } ?? privateKey
    let flags =
      OmegaEngine.Flag.create | OmegaEngine.Flag.exclusive | Int32(Words.mode(parsing: mode) ?? 0)
    let result =
      if let semaphoreCount {
        namespace.getSet(key: number, semaphoreCount: semaphoreCount, flags: flags)
      } else if let segmentSize {
        namespace.getSegment(
          key: number, byteCount: Words.byteCount(parsing: segmentSize) ?? 0, flags: flags)
      } else {
        namespace.getQueue(key: number, flags: flags)
      }
    guard result < 0 else {
      print(result)
      return
    }
    throw failure(Errno(rawValue: -result), number, namespace)
  }

  private func failure(_ error: Errno, _ key: Int32, _ namespace: Namespace) -> Failure {
    let object =
      key == privateKey
      ? "a \(kind.noun) in \(place.path)" : "key \(Words.key(key)) in \(place.path)"
    switch error {
    case .exists:
      let link = namespace.link(kind, key: key).map { "\(kind.noun) \($0) has it" } ?? "it is taken"
      return Failure(
        object, link,
        wayOut: "Take another key, or remove that \(kind.noun): "
          + place.command("rm \(kind.option) --key \(Words.key(key))"))
    case .invalid where kind == .semaphores:
      return Failure(
        object,
        "SEMMSL allows \(Words.count(namespace.limits.semaphoresPerSet, "semaphore")) in a set",
        wayOut: "Raise the limit: " + place.command("limits --set semmsl=\(semaphoreCount ?? 0)"))
    case .invalid where kind == .segments:
      return Failure(
        object, "SHMMAX allows \(namespace.limits.segmentBytes) bytes in a segment",
        wayOut: "Raise the limit: " + place.command("limits --set shmmax=SIZE"))
    case .noMemory where kind == .segments:
      return Failure(
        object, "there is not so much memory",
        wayOut: "See how much there is: df \(place.path); free")
    case .noSpace:
      if let (name, value) = fullLimit(namespace) {
        return Failure(
          object, "it would pass the limit \(name.uppercased()): \(value)",
          wayOut: "Remove one: " + place.command("rm \(kind.option) ID") + "; or raise it: "
            + place.command("limits --set \(name)=N"))
      }
      return Failure(
        object, "no room: a limit of the namespace is reached, or its file system is full",
        wayOut: "Look at both: " + place.command("limits") + "; " + place.command("doctor"))
    case .accessDenied:
      return Failure(
        object, "you may not make objects there (you are \(Processes.userName(Processes.user)))",
        wayOut: "The owner of the directory can share it: chmod 1777 \(place.path)")
    default:
      return Failure(
        object, SystemError(error.rawValue), wayOut: "Look around: " + place.command("doctor"))
    }
  }
}

extension MakeCommand {
  /// The limit that leaves no room for the object, and what it allows.
  private func fullLimit(_ namespace: Namespace) -> (name: String, value: String)? {
    let (limits, usage) = (namespace.limits, namespace.usage(of: kind))
    switch kind {
    case .semaphores:
      if usage.objects >= limits.sets { return ("semmni", Words.count(limits.sets, "set")) }
      if usage.units + Int(semaphoreCount ?? 0) > limits.semaphoresInAll {
        return ("semmns", Words.count(limits.semaphoresInAll, "semaphore") + " in all sets")
      }
    case .queues:
      if usage.objects >= limits.queues { return ("msgmni", Words.count(limits.queues, "queue")) }
    case .segments:
      if usage.objects >= limits.segments {
        return ("shmmni", Words.count(limits.segments, "segment"))
      }
      let pages = ((segmentSize.flatMap(Words.byteCount(parsing:)) ?? 0) + 4095) / 4096
      if pages > limits.segmentPagesInAll - min(UInt(usage.units), limits.segmentPagesInAll) {
        return ("shmall", "\(limits.segmentPagesInAll) pages in all segments")
      }
    }
    return nil
  }
}

extension Words {
  static func mode(parsing text: String) -> UInt32? {
    guard let mode = UInt32(text, radix: 8), mode <= 0o777 else { return nil }
    return mode
  }
}
