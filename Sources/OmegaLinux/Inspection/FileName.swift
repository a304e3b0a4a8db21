import COmegaLinux
import OmegaEngine

/// The name of a file of a namespace, copied.
public struct FileName: Sendable {
  fileprivate var bytes = InlineArray<256, UInt8>(repeating: 0)
  public fileprivate(set) var byteCount = 0

  public subscript(index: Int) -> UInt8 { bytes[index] }

  /// What the namespace uses a file of this name for.
  public enum Meaning: Equatable, Sendable {
    /// The image of the object of a kind at an index.
    case object(ObjectKind, index: Int)
    /// The link of the object of a kind that has a key.
    case key(ObjectKind, Int32)
    /// A file of the namespace itself.
    case own
    case foreign
  }

  public var meaning: Meaning {
    if equals("sequence") || equals("limits") { return .own }
    // An image in reserve (`Spare.swift`).
    if has("spare."), number(from: 6, digits: 5, base: 10) != nil { return .own }
    guard let kind, has(".", at: 3) else { return .foreign }
    if has("key.", at: 4), let number = number(from: 8, digits: 8, base: 16) {
      return .key(kind, Int32(bitPattern: UInt32(number)))
    }
    if let number = number(from: 4, digits: 5, base: 10), number < Limit.indices {
      return .object(kind, index: number)
    }
    return isStatus ? .own : .foreign
  }

  /// The kind with whose three letters the name begins.
  private var kind: ObjectKind? {
    let all = ObjectKind.all
    for index in all.indices where has(all[index].prefix) { return all[index] }
    return nil
  }

  /// `sem.00042.id`, or the name under which a new one is made (`PublicStatus.swift`).
  private var isStatus: Bool {
    guard byteCount == 12 || byteCount == 16 else { return false }
    for index in 4..<9 where bytes[index] < 48 || bytes[index] > 57 { return false }
    return has(".id", at: 9) && (byteCount == 12 || has(".new", at: 12))
  }

  private func has(_ text: StaticString, at start: Int = 0) -> Bool {
    guard byteCount >= start + text.utf8CodeUnitCount else { return false }
    for index in 0..<text.utf8CodeUnitCount {
      // SAFETY: inside the static string.
      if unsafe bytes[start + index] != text.utf8Start[index] { return false }
    }
    return true
  }

  private func equals(_ text: StaticString) -> Bool {
    byteCount == text.utf8CodeUnitCount && has(text)
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
