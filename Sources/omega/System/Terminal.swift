import Glibc

/// Output for people.
enum Terminal {
  static func complain(_ text: String, label: String? = "Error: ") {
    let bytes = Array(((label ?? "omega: ") + text + "\n").utf8)
    // SAFETY: the array holds that many bytes.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
