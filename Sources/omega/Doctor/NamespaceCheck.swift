import OmegaEngine
import OmegaLinux

/// Checks of `omega doctor` on the namespace.
struct NamespaceCheck {
  let place: NamespaceOptions

  func findings() -> [Finding] {
    if facts == nil && place.origin != .user {
      return [
        Finding(
          "namespace", place.canBeMade ? .note : .fail, "\(place.path) is not there",
          place.wayToMake),
        space(),
      ]
    }
    var namespace: Namespace?
    do throws(Failure) {
      namespace = try place.existing()
    } catch {
      return [
        Finding("namespace", .fail, "\(error.object): \(error.cause)", error.wayOut), space(),
      ]
    }
    guard let namespace else {
      return [
        Finding(
          "namespace", .ok, "\(place.path), still empty",
          "It is made at the first use; omega run without --namespace takes one of its own."),
        space(),
      ]
    }
    return [
      Finding(
        "namespace", .ok,
        "\(place.path), mode \(mode), of \(Processes.userName(facts?.uid ?? 0))",
        isShared
          ? "Shared: each user makes objects in it, and each object has its own permissions."
          : "Nobody else can make or remove objects in it."),
      space(),
    ] + objects(namespace)
  }

  private var facts: FileFacts? { Files.facts(place.path) }
  private var isShared: Bool { (facts?.mode ?? 0) & 0o022 != 0 }
  private var mode: String { String((facts?.mode ?? 0) & 0o7777, radix: 8) }

  /// Room where the namespace is, or will be.
  private func space() -> Finding {
    var path = place.path
    while Files.facts(path, followLinks: true) == nil, let slash = path.lastIndex(of: "/"),
      slash != path.startIndex
    {
      path = String(path[..<slash])
    }
    guard let system = Files.fileSystem(path) else {
      return Finding(
        "memory", .fail, "\(path): \(SystemError.last.text)",
        "Mount a tmpfs there: mount -t tmpfs tmpfs \(path)")
    }
    let type = system.type ?? "unknown file system"
    let what =
      "\(Words.byteCount(system.freeByteCount)) of \(Words.byteCount(system.byteCount)) free in "
      + "\(path) (\(type))"
    // A small set takes a page, and one more for its sleepers and for those with adjustments.
    if system.freeByteCount < 65536 || !system.hasFreeFiles {
      return Finding(
        "memory", .fail, what + (system.hasFreeFiles ? "" : ", no free inodes"),
        "New sets get ENOSPC. Remove files, or enlarge it: mount -o remount,size=1G \(path)")
    }
    if type != "tmpfs" && type != "ramfs" {
      return Finding(
        "memory", .note, what,
        "Not in memory: it works, but the disk is written to, and objects outlive a restart. "
          + "Better choose a directory on a tmpfs.")
    }
    if system.freeByteCount < 16 << 20 {
      return Finding(
        "memory", .note, what,
        "Large sets with many sleepers may get ENOMEM. mount -o remount,size=1G \(path)"
      )
    }
    return Finding("memory", .ok, what, "A full one would give ENOSPC or ENOMEM, never a crash.")
  }

  private func objects(_ namespace: Namespace) -> [Finding] {
    let contents: Contents
    do throws(Failure) { contents = try place.contents(namespace) } catch {
      return [Finding("objects", .fail, "\(error.object): \(error.cause)", error.wayOut)]
    }
    let rows = contents.rows(namespace, ObjectKind.listed)
    let damaged = rows.filter { $0.state == .damaged }
    var findings = damaged.map { row in
      let failure = place.failure(damaged: row)
      return Finding("object", .fail, "\(failure.object): \(failure.cause)", failure.wayOut)
    }
    findings += contents.foreign.map { name in
      Finding(
        "foreign file", .note, "\(place.path)/\(name) is not Omega IPC's",
        "Nobody looks at it; it only takes room.")
    }
    let others = rows.filter { $0.state == .inaccessible }.count
    let counts = ObjectKind.listed.compactMap { kind in
      let count = rows.filter { $0.kind == kind && $0.state != .damaged }.count
      return count == 0 ? nil : Words.count(count, kind.noun)
    }
    findings.append(
      Finding(
        "objects", .ok,
        (counts.isEmpty ? "none" : counts.joined(separator: ", ") + " in order")
          + (others > 0 ? ", \(others) of them not yours to open" : ""),
        "List them: " + place.command("ls")))
    let dangling = contents.kinds.reduce(0) { $0 + $1.dangling.count }
    if dangling > 0 {
      findings.append(
        Finding(
          "keys", .note, "\(Words.count(dangling, "key")) without an object",
          "Somebody was killed while he removed it. The next use of the key clears it."))
    }
    return findings
  }
}
