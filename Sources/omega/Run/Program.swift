/// The command of `omega run` and the library that is loaded into it.
enum Program {
  /// Looks a command up as execvp(3) does. `.missing` or `.denied` tell 127 from 126.
  static func find(_ name: String) -> Lookup {
    if name.contains("/") {
      guard let facts = Files.facts(name, followLinks: true) else { return .missing }
      return facts.isRegular && Files.mayExecute(name) ? .found(name) : .denied(name)
    }
    guard !name.isEmpty else { return .missing }
    var denied: String?
    let path = Processes.variable("PATH") ?? "/bin:/usr/bin"
    for folder in path.split(separator: ":", omittingEmptySubsequences: false) {
      let candidate = folder.isEmpty ? name : "\(folder)/\(name)"
      guard let facts = Files.facts(candidate, followLinks: true), facts.isRegular else { continue }
      if Files.mayExecute(candidate) { return .found(candidate) }
      denied = denied ?? candidate
    }
    return denied.map(Lookup.denied) ?? .missing
  }

  enum Lookup: Equatable {
    case found(String)
    case denied(String)
    case missing
  }

  /// The drop-in beside this program: `../lib/libomega-ipc.so` from its folder.
  static func dropIn() throws(Failure) -> String {
    guard let executable = Processes.executable else {
      throw Failure(
        "/proc/self/exe", "cannot be read", wayOut: "Mount /proc: mount -t proc proc /proc")
    }
    let parts = executable.split(separator: "/").dropLast(2)
    let library = parts.reduce("") { $0 + "/" + $1 } + "/lib/libomega-ipc.so"
    guard Files.facts(library, followLinks: true)?.isRegular == true else {
      throw Failure(
        library, "the drop-in library is not there",
        wayOut: "Install omega and the library together (make install), or build both (make build)."
      )
    }
    if library.contains(where: { $0 == " " || $0 == ":" }) {
      throw Failure(
        library, "LD_PRELOAD cannot name a path with a blank or a colon",
        wayOut: "Install Omega IPC somewhere else: make install PREFIX=DIR")
    }
    return library
  }

  /// The value of LD_PRELOAD with the drop-in in front of what was there.
  static func preload(_ library: String, before old: String?) -> String {
    guard let old, !old.isEmpty else { return library }
    let others = old.split { $0 == ":" || $0 == " " }.filter { $0 != library }
    return ([library[...]] + others).joined(separator: ":")
  }
}
