import COmegaLinux
import OmegaEngine

/// The name of a file of a namespace, copied.
public struct FileName: Sendable {
  fileprivate var bytes = InlineArray<256, UInt8>(repeating: 0)
  public fileprivate(set) var byteCount = 0

  public subscript(index: Int) -> UInt8 { bytes[index] }

  /// What the namespace uses a file of this name for.
  public enum Meaning: Equatable, Sendable {
    /// The image of the set at an index.
    case set(index: Int)
    /// The link of the set that has a key.
    case key(Int32)
    /// A file of the namespace itself.
    case own
    case foreign
  }

  public var meaning: Meaning {
    if equals("sequence") || equals("limits") { return .own }
    if starts(with: "sem.key."), let number = number(from: 8, digits: 8, base: 16) {
      return .key(Int32(bitPattern: UInt32(number)))
    }
    if starts(with: "sem."), let number = number(from: 4, digits: 5, base: 10),
      number < Limit.indices
    {
      return .set(index: number)
    }
    // An image in reserve (`Spare.swift`).
    if starts(with: "spare."), number(from: 6, digits: 5, base: 10) != nil { return .own }
    return isStatus ? .own : .foreign
  }

  /// `sem.00042.id`, or the name under which a new one is made (`PublicStatus.swift`).
  private var isStatus: Bool {
    guard starts(with: "sem.") && (byteCount == 12 || byteCount == 16) else { return false }
    let suffix: StaticString = ".id.new"
    for index in 4..<byteCount {
      let isRight =
        index < 9
        ? bytes[index] >= 48 && bytes[index] <= 57
        // SAFETY: inside the static string: the name ends before its end.
        : unsafe bytes[index] == suffix.utf8Start[index - 9]
      if !isRight { return false }
    }
    return true
  }

  private func starts(with text: StaticString) -> Bool {
    guard byteCount >= text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount {
      // SAFETY: inside the static string.
      if unsafe bytes[index] != text.utf8Start[index] { return false }
    }
    return true
  }

  private func equals(_ text: StaticString) -> Bool {
    byteCount == text.utf8CodeUnitCount && starts(with: text)
  }

  /// The number that fills the rest of the name with exactly so many digits.
  private func number(from start: Int, digits: Int, base: Int) -> Int? {
    guard byteCount == start + digits else { return nil }
    var number = 0
    for index in start..<byteCount {
      let digit: Int
      switch bytes[index] {
      case 48...57: digit = Int(bytes[index]) - 48
      case 97...102: digit = Int(bytes[index]) - 87
      default: return nil
      }
      guard digit < base else { return nil }
      number = number * base + digit
    }
    return number
  }
}

extension Namespace {
  /// Calls `body` with every name in the directory, in its order, without `.` and `..`.
  ///
  /// Throws what opening or reading the directory gives.
  public func forEachName(_ body: (FileName) -> Void) throws(Errno) {
    // SAFETY: the path is terminated; the kernel writes at most the buffer's 8192 bytes, and
    // records are read inside what it says it wrote.
    let descriptor = unsafe Kernel.open(
      path, Open.readOnly | Open.directory | Open.closeOnExec | Open.noFollow)
    guard descriptor >= 0 else { throw Errno(rawValue: Int32(-descriptor)) }
    defer { Kernel.close(descriptor) }
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    while true {
      let length = unsafe withUnsafeMutablePointer(to: &buffer) { out in
        omega_call(omega_call_getdents, descriptor, Int(bitPattern: out), 8192, 0, 0, 0)
      }
      if length == 0 { return }
      guard length > 0 else { throw Errno(rawValue: Int32(-length)) }
      // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name.
      var at = 0
      while at + 19 < length {
        let recordLength = Int(buffer[at + 16]) | Int(buffer[at + 17]) << 8
        guard recordLength >= 20 && at + recordLength <= length else { break }
        var name = FileName()
        while name.byteCount < min(255, recordLength - 19), buffer[at + 19 + name.byteCount] != 0 {
          name.bytes[name.byteCount] = buffer[at + 19 + name.byteCount]
          name.byteCount += 1
        }
        at += recordLength
        let isDots = name[0] == 46 && (name.byteCount == 1 || name.byteCount == 2 && name[1] == 46)
        if !isDots { body(name) }
      }
    }
  }
}
