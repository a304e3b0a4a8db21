import OmegaEngine

/// Numbers and names as ipcs(1) and lsipc(1) users know them.
enum Words {
  static func key(_ key: Int32) -> String {
    let digits = String(UInt32(bitPattern: key), radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// A key as people type it: decimal, or hexadecimal after 0x.
  static func key(parsing text: String) -> Int32? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      return UInt32(text.dropFirst(2), radix: 16).map { Int32(bitPattern: $0) }
    }
    return Int32(text) ?? UInt32(text).map { Int32(bitPattern: $0) }
  }

  /// 0644 as `rw-r--r--`.
  static func permissions(_ mode: UInt32) -> String {
    String((0..<9).map { mode & 0o400 >> $0 != 0 ? ["r", "w", "x"][$0 % 3] : "-" })
  }

  static func octal(_ mode: UInt32) -> String {
    let digits = String(mode & 0o777, radix: 8)
    return String(repeating: "0", count: 4 - digits.count) + digits
  }

  static func signed(_ number: Int) -> String { number > 0 ? "+\(number)" : String(number) }

  static func count(_ number: Int, _ noun: String) -> String {
    number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
  }

  /// `12 s`, `3 min`, `2 h`, `5 d`.
  static func age(_ seconds: Int) -> String {
    switch max(0, seconds) {
    case let value where value < 120: "\(value) s"
    case let value where value < 7200: "\(value / 60) min"
    case let value where value < 172_800: "\(value / 3600) h"
    case let value: "\(value / 86400) d"
    }
  }

  /// Control characters would let a file's or a program's name play with the terminal.
  static func printable(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
      out.append(isControl ? "?" : scalar)
    }
    return String(out)
  }

  /// `4096`, `64K`, `2MiB`, as ipcmk(1) takes sizes: K, M, G and T stand for powers of 1024.
  static func byteCount(parsing text: String) -> UInt? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    guard let number = UInt(digits) else { return nil }
    let suffix = text.dropFirst(digits.count).uppercased()
    if suffix.isEmpty { return number }
    let units: [Character] = ["K", "M", "G", "T"]
    guard let power = units.firstIndex(where: { $0 == suffix.first }),
      suffix.count == 1 || suffix.dropFirst() == "IB"
    else { return nil }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: 1 << (10 * (power + 1)))
    return isTooLarge ? nil : product
  }

  static func byteCount(_ count: UInt64) -> String {
    switch count {
    case ..<10240: "\(count) bytes"
    case ..<(10 << 20): "\(count >> 10) KiB"
    case ..<(10 << 30): "\(count >> 20) MiB"
    default: "\(count >> 30) GiB"
    }
  }
}
