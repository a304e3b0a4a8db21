import OmegaEngine
import OmegaLinux

/// Opening a namespace on purpose: unlike a program's first call, the tool makes nothing by looking.
extension NamespaceOptions {
  /// The namespace if it is there; nil for an empty one, and for the user's own before its first use.
  func existing() throws(Failure) -> Namespace? {
    let path = path
    guard Files.facts(path) != nil else {
      if origin == .user { return nil }
      throw Failure(path, .missing, wayOut: wayToMake)
    }
    try check(path)
    // Opening makes this file where it is missing; without it there is no object either.
    if Files.facts("\(path)/sequence") == nil {
      try checkIsNamespace(path)
      return nil
    }
    return try open(path)
  }

  /// The directory that a missing namespace would be in is there.
  var canBeMade: Bool { Files.facts(parent, followLinks: true)?.isDirectory == true }

  private var parent: String {
    let end = path.lastIndex(of: "/") ?? path.startIndex
    return end == path.startIndex ? "/" : String(path[..<end])
  }

  /// How a missing namespace comes to be.
  var wayToMake: String {
    canBeMade
      ? "It is made at its first use: by omega mk, or a program with OMEGA_IPC_NAMESPACE=\(path)"
      : "Make its parent first: mkdir -p \(parent)"
  }

  /// The namespace, made when it is missing.
  func made() throws(Failure) -> Namespace {
    let path = try checked()
    if Files.facts("\(path)/sequence") == nil { try checkIsNamespace(path) }
    return try open(path)
  }

  /// A directory with other things in it was given by mistake.
  private func checkIsNamespace(_ path: String) throws(Failure) {
    let names: [String]
    do throws(SystemError) {
      names = try Files.names(path)
    } catch  where error == .accessDenied {
      let facts = Files.facts(path)
      throw Failure(
        path,
        "belongs to \(Processes.userName(facts?.uid ?? 0)), and you may not use it (mode "
          + "\(String((facts?.mode ?? 0) & 0o7777, radix: 8)))",
        wayOut: "Its owner can share it (chmod 1777 \(path)); or use another: --namespace DIR")
    } catch {
      throw Failure(path, error, wayOut: wayOut(error.number))
    }
    let harmless = ["limits", PrivateNamespace.recordName]
    if let name = names.first(where: { !harmless.contains($0) }) {
      throw Failure(
        path,
        "is not a namespace: it holds \(Words.printable(name)), but no object was ever made in it",
        wayOut: "Give the directory of a namespace, or an empty one: --namespace DIR")
    }
  }

  private func open(_ path: String) throws(Failure) -> Namespace {
    do throws(Errno) { return try Namespace.open(directory: path) } catch {
      throw Failure(path, SystemError(error.rawValue), wayOut: wayOut(error.rawValue))
    }
  }

  func contents(_ namespace: Namespace) throws(Failure) -> Contents {
    do throws(Errno) { return try Contents(namespace) } catch {
      throw Failure(path, SystemError(error.rawValue), wayOut: wayOut(error.rawValue))
    }
  }

  private func wayOut(_ number: Int32) -> String {
    switch number {
    case SystemError.noSpace.number, SystemError.noMemory.number:
      "Make room: df \(path); omega doctor shows what it needs."
    case SystemError.nameTooLong.number: "Choose a directory with a shorter path: --namespace DIR"
    default: "Look at its owner and mode: ls -ld \(path); omega doctor checks the rest."
    }
  }

  /// `omega rm` with what has to be typed to reach this namespace.
  func command(_ words: String) -> String {
    given.map { "omega \(words) --namespace \($0)" } ?? "omega \(words)"
  }

  /// The same with the object's kind, because identifiers of different kinds can be the same.
  func command(_ words: String, _ kind: ObjectKind, _ identifier: Int32) -> String {
    command("\(words) \(kind.option) \(identifier)")
  }

  func failure(damaged row: ObjectRow) -> Failure {
    Failure(
      "\(path)/\(row.kind.fileName(index: row.index))", row.problem ?? "is damaged",
      wayOut: "Remove it, others are not affected: "
        + command("rm", row.kind, row.identifier ?? Int32(row.index)))
  }

  /// What an errno of a call on an object means here.
  func failure(
    _ kind: ObjectKind, _ identifier: Int32, _ error: Errno, to action: String
  ) -> Failure {
    let object = "\(kind.noun) \(identifier) in \(path)"
    switch error {
    case .invalid, .identifierRemoved:
      return Failure(
        object, "there is no such \(kind.noun)",
        wayOut: "List the \(kind.noun)s: " + command("ls \(kind.option)"))
    case .accessDenied, .notPermitted:
      return Failure(
        object, "you may not \(action) it (you are \(Processes.userName(Processes.user)))",
        wayOut: "Its owner and root may; " + command("ls \(kind.option)") + " shows who that is.")
    default:
      return Failure(
        object, SystemError(error.rawValue), wayOut: "Look at the namespace: " + command("doctor"))
    }
  }

  /// An errno, or the damage that it stands for.
  func whyNot(
    _ namespace: Namespace, _ name: ObjectName, _ error: Errno, to action: String
  ) -> Failure {
    let row = ObjectRow(
      namespace, name.kind, index: Int(name.identifier) & 0x7FFF,
      link: KeyName(key: 0, identifier: name.identifier))
    if let row, row.state == .damaged { return failure(damaged: row) }
    return failure(name.kind, name.identifier, error, to: action)
  }
}
