import Glibc

/// What /proc and the user database tell about processes and users.
enum Processes {
  static var own: Int32 { getpid() }
  static var user: UInt32 { geteuid() }
  static var isRoot: Bool { geteuid() == 0 }

  /// Start time in clock ticks since boot, nil when there is no such process. Together with the id
  /// it names a process for ever.
  static func startTime(_ pid: Int32) -> UInt64? {
    guard let text = Files.read("/proc/\(pid)/stat"),
      let end = text.lastIndex(of: ")")  // The command's name may hold anything.
    else { return nil }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 20, fields[1] != "Z", fields[1] != "X" else { return nil }
    return UInt64(fields[20])
  }

  /// The process's name as ps(1) shows it, nil when it is gone or hidden.
  static func command(_ pid: Int32) -> String? {
    guard var name = Files.read("/proc/\(pid)/comm") else { return nil }
    while name.last == "\n" { name.removeLast() }
    return name.isEmpty ? nil : name
  }

  /// Tells process-id namespaces apart: the same number means another process in another one.
  static var idNamespace: UInt64 { Files.facts("/proc/self/ns/pid", followLinks: true)?.inode ?? 0 }

  static func userName(_ uid: UInt32) -> String {
    // SAFETY: getpwuid's structure is valid up to the next such call; this program has one thread.
    guard let entry = unsafe getpwuid(uid), let name = unsafe entry.pointee.pw_name else {
      return String(uid)
    }
    return unsafe String(cString: name)
  }

  static func groupName(_ gid: UInt32) -> String {
    // SAFETY: as above.
    guard let entry = unsafe getgrgid(gid), let name = unsafe entry.pointee.gr_name else {
      return String(gid)
    }
    return unsafe String(cString: name)
  }

  /// A user by name or number.
  static func userID(_ text: String) -> UInt32? {
    // SAFETY: as above.
    if let entry = unsafe getpwnam(text) { return unsafe entry.pointee.pw_uid }
    return UInt32(text)
  }

  /// The file of the running program, links resolved.
  static var executable: String? { Files.link("/proc/self/exe") }

  static func variable(_ name: String) -> String? {
    // SAFETY: getenv returns a terminated string or nil; nothing changes the environment meanwhile.
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  static func setVariable(_ name: String, _ value: String) {
    // SAFETY: the strings are copied; nothing else reads the environment meanwhile.
    unsafe setenv(name, value, 1)
  }

  /// Processors this process may run on.
  static var processorCount: Int {
    let status = Files.read("/proc/self/status") ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
    let digits = line?.drop { $0 != "\t" }.compactMap(\.hexDigitValue) ?? []
    return max(1, digits.reduce(0) { $0 + $1.nonzeroBitCount })
  }

  static var kernelRelease: String {
    (Files.read("/proc/sys/kernel/osrelease") ?? "unknown").filter { $0 != "\n" }
  }

  /// SIGKILL to oneself.
  static func die() -> Never {
    kill(getpid(), SIGKILL)
    exit(1)
  }

  static func pauseMillisecond() { usleep(1000) }

  static var now: Int { time(nil) }
}
