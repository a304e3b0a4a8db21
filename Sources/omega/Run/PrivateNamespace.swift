/// A namespace that lives as long as one command: `/dev/shm/omega-run.PIDNS-PID-START-RANDOM`,
/// named after the `omega run` that removes it.
///
/// If that one is killed, the next `omega run` or `omega doctor` of the same user removes it, once
/// its command has ended too.
struct PrivateNamespace {
  static let parent = "/dev/shm"
  private static let prefix = "omega-run."
  /// The file that names the command, beside the objects.
  static let recordName = "command"
  let path: String

  /// Under root everybody may make objects in it, because the command's tree may change its user;
  /// each object still has its own permissions.
  static func make() throws(Failure) -> PrivateNamespace {
    let mode: UInt32 = Processes.isRoot ? 0o1777 : 0o700
    let own = Processes.own
    let owner = "\(Processes.idNamespace)-\(own)-\(Processes.startTime(own) ?? 0)"
    var attempts = 0
    while true {
      let random = String(UInt32.random(in: 0 ... .max), radix: 16)
      let path = "\(parent)/\(prefix)\(owner)-\(random)"
      do throws(SystemError) {
        try Files.makeDirectory(path, mode: mode)
        return PrivateNamespace(path: path)
      } catch {
        attempts += 1
        if error == .exists && attempts < 100 { continue }
        throw Failure(
          path, error, wayOut: "Choose a directory on a tmpfs: omega run --namespace DIR -- CMD")
      }
    }
  }

  func remove() throws(Failure) {
    do throws(SystemError) { try Files.removeTree(path) } catch {
      throw Failure(path, error, wayOut: "Remove it by hand: rm -r \(path)")
    }
  }

  /// Records the command, which keeps the namespace if `omega run` is killed.
  func record(command: Int32) {
    let text = "\(command) \(Processes.startTime(command) ?? 0)\n"
    // Without it the namespace is at worst removed early, after a kill -9 of `omega run`.
    try? Files.write(text, to: "\(path)/\(PrivateNamespace.recordName)", mode: 0o644)
  }

  /// Namespaces of this user whose `omega run` and command have both ended.
  static func stale() -> [PrivateNamespace] {
    let names = (try? Files.names(parent)) ?? []
    return names.filter { $0.hasPrefix(prefix) }.map { PrivateNamespace(path: "\(parent)/\($0)") }
      .filter(\.isStale)
  }

  private var isStale: Bool {
    guard let facts = Files.facts(path), facts.isDirectory, facts.uid == Processes.user else {
      return false
    }
    let name = path.dropFirst(PrivateNamespace.parent.count + 1 + PrivateNamespace.prefix.count)
    let fields = name.split(separator: "-", omittingEmptySubsequences: false)
    // Anything else is not ours, or another container's, whose processes are not visible here.
    guard fields.count == 4, let space = UInt64(fields[0]), let pid = Int32(fields[1]),
      let start = UInt64(fields[2]), space == Processes.idNamespace
    else { return false }
    if Processes.startTime(pid) == start { return false }
    guard let record = Files.read("\(path)/\(PrivateNamespace.recordName)") else { return true }
    let command = record.split { $0 == " " || $0 == "\n" }
    guard command.count == 2, let pid = Int32(command[0]), let start = UInt64(command[1]) else {
      return true
    }
    return Processes.startTime(pid) != start
  }

  /// Removes them; returns how many.
  @discardableResult
  static func removeStale() -> Int {
    var count = 0
    for namespace in stale() where (try? namespace.remove()) != nil { count += 1 }
    return count
  }
}
