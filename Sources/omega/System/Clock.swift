import Glibc

/// Times of day, local.
enum Clock {
  /// `14:22:05` of today, else `2026-11-24`; `-` for never.
  static func short(_ seconds: Int64) -> String {
    if seconds == 0 { return "-" }
    let day = format(seconds, "%F")
    return day == format(Int64(time(nil)), "%F") ? format(seconds, "%T") : day
  }

  /// `2026-11-24 14:22:05`; `never` for 0.
  static func long(_ seconds: Int64) -> String {
    seconds == 0 ? "never" : format(seconds, "%F %T")
  }

  private static func format(_ seconds: Int64, _ pattern: String) -> String {
    var moment = time_t(seconds)
    var text = [CChar](repeating: 0, count: 64)
    // SAFETY: the structures outlive the calls, and strftime is told the buffer's size.
    var parts = unsafe tm()
    let length = unsafe text.withUnsafeMutableBufferPointer { buffer -> Int in
      guard unsafe localtime_r(&moment, &parts) != nil, let base = buffer.baseAddress else {
        return 0
      }
      return unsafe strftime(base, buffer.count, pattern, &parts)
    }
    return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
