import ArgumentParser

/// `--namespace DIR`, with the environment and the user's own directory behind it.
struct NamespaceOptions: ParsableArguments {
  @Option(
    name: .customLong("namespace"),
    help: ArgumentHelp(
      "The namespace directory. Default: OMEGA_IPC_NAMESPACE, else /dev/shm/omega-ipc.UID.",
      valueName: "DIR"),
    completion: .directory)
  var given: String?

  /// Where the namespace's path comes from decides how a missing one is seen.
  enum Origin { case option, variable, user }

  var origin: Origin {
    if given != nil { return .option }
    let variable = Processes.variable("OMEGA_IPC_NAMESPACE") ?? ""
    return variable.isEmpty ? .user : .variable
  }

  /// The directory's path, absolute.
  var path: String {
    switch origin {
    case .option: Files.absolute(given ?? "")
    case .variable: Files.absolute(Processes.variable("OMEGA_IPC_NAMESPACE") ?? "")
    case .user: "/dev/shm/omega-ipc.\(Processes.user)"
    }
  }

  /// The path of a directory that may be used, made when it is missing.
  func checked() throws(Failure) -> String {
    let path = path
    if Files.facts(path) == nil {
      do throws(SystemError) { try Files.makeDirectory(path, mode: 0o700) } catch {
        if error != .exists {
          throw Failure(
            path, error,
            wayOut: "Make the directory first, on a tmpfs: mkdir -m 700 \(path)")
        }
      }
    }
    try check(path)
    return path
  }

  /// The rule of the library itself (namespaces that others could tamper with are refused), with
  /// words for each way to break it.
  func check(_ path: String) throws(Failure) {
    guard let facts = Files.facts(path) else {
      throw Failure(path, .missing, wayOut: "Look for it with: omega doctor")
    }
    guard facts.isDirectory else {
      throw Failure(path, "is not a directory", wayOut: "Give a directory: --namespace DIR")
    }
    let user = Processes.user
    let mode = String(facts.mode & 0o7777, radix: 8)
    if origin == .user {
      guard facts.uid == user else {
        throw Failure(
          path, "belongs to \(Processes.userName(facts.uid)), who put it where yours should be",
          wayOut: "Have root remove it, or choose another: export OMEGA_IPC_NAMESPACE=DIR")
      }
      guard facts.mode & 0o777 == 0o700 else {
        throw Failure(path, "has mode \(mode)", wayOut: "Make it yours alone: chmod 700 \(path)")
      }
    } else if facts.mode & 0o022 != 0 && facts.mode & 0o1000 == 0 {
      throw Failure(
        path, "others may remove and replace its files (mode \(mode))",
        wayOut: "Make it yours alone (chmod 700 \(path)) or shared (chmod 1777 \(path)).")
    } else if facts.uid != user && facts.uid != 0 && user != 0 && facts.mode & 0o1002 != 0o1002 {
      throw Failure(
        path, "belongs to \(Processes.userName(facts.uid)) and is not shared (mode \(mode))",
        wayOut: "Its owner can share it: chmod 1777 \(path)")
    }
  }
}
