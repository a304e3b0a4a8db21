import Glibc

/// Output for people.
enum Terminal {
  /// Columns of the terminal that complaints go to; nil when they go elsewhere.
  static var errorWidth: Int? {
    var size = winsize()
    // SAFETY: the structure outlives the call.
    guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }

  /// Text broken between words, so that a terminal need not do it within them. `used` columns of the
  /// first line are taken, and the others begin with as many blanks.
  static func wrap(_ text: String, after used: Int, width: Int?) -> String {
    guard let width, width > used + 20 else { return text }
    var lines = ""
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      if !line.isEmpty && used + line.count + 1 + word.count > width {
        lines += line + "\n" + String(repeating: " ", count: used)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + line
  }

  static func complain(_ text: String, label: String? = "Error: ") {
    let bytes = Array(((label ?? "omega: ") + text + "\n").utf8)
    // SAFETY: the array holds that many bytes.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
