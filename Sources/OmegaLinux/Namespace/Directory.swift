import COmegaLinux
import OmegaEngine

/// What a key's link tells, also to those who may not open the set: semget with no mode bits returns
/// the identifier of anybody's set.
struct KeyLink: Equatable {
  var identifier: Int32
  var size: Int
}

/// What a set's file tells without being opened.
struct IndexFile {
  var size: Int
  var uid: UInt32
  var inode: UInt64
  var mode: UInt32

  /// A segment that was marked for removal (`Sweep.swift`).
  var isMarked: Bool { mode & 0o1000 != 0 }
}

extension Namespace {
  // Not inlined, here and below: paths of several such in one caller would not share its stack.

  /// The set that has a key, nil when there is none.
  @inline(never)
  func lookUp(_ kind: ObjectKind, key: Int32) -> KeyLink? {
    // SAFETY: the namespace's path lives as long as the process; the numbers outlive the call.
    var path = unsafe Path(self.path, kind, key: key)
    var numbers = InlineArray<2, UInt64>(repeating: 0)
    guard unsafe path.withText({ unsafe readLink($0, &numbers) }) else { return nil }
    guard let identifier = Int32(exactly: numbers[0]), let size = Int(exactly: numbers[1])
    else { return nil }
    return KeyLink(identifier: identifier, size: size)
  }

  /// The file at an index, nil when there is none; its size holds the object's size: the number of
  /// semaphores, of bytes.
  @inline(never)
  func lookUp(_ kind: ObjectKind, index: Int) -> IndexFile? {
    var raw = omega_file_status()
    // SAFETY: the path is terminated, the structure outlives the call.
    var path = unsafe Path(self.path, kind, index: index)
    guard unsafe path.withText({ unsafe omega_lstat($0, &raw) }) == 0 else { return nil }
    let status = FileStatus(raw)
    guard status.isRegular else { return nil }
    return IndexFile(
      size: kind.size(ofFile: status.byteCount), uid: status.uid, inode: status.inode,
      mode: status.mode & 0o7777)
  }

  /// Calls `body` with the index of every file of the kind, in the directory's order.
  func forEachIndex(_ kind: ObjectKind, _ body: (Int) -> Void) {
    // SAFETY: the path is terminated; the kernel writes at most the buffer's 1024 bytes, and records
    // are read inside what it says it wrote.
    let descriptor = unsafe Kernel.open(
      path, Open.readOnly | Open.directory | Open.closeOnExec | Open.noFollow)
    guard descriptor >= 0 else { return }
    defer { Kernel.close(descriptor) }
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    // By the pointer: the compiler would copy the buffer for a function that borrows it.
    unsafe withUnsafeMutablePointer(to: &buffer) { out in
      let records = UnsafeRawPointer(out)
      while true {
        let length = omega_call(
          omega_call_getdents, descriptor, Int(bitPattern: out), 1024, 0, 0, 0)
        if length <= 0 { return }
        var at = 0
        while at + 19 < length {
          let recordLength = Int(
            unsafe records.loadUnaligned(fromByteOffset: at + 16, as: UInt16.self))
          if recordLength < 20 || at + recordLength > length { break }
          if let index = unsafe Namespace.index(records + at + 19, recordLength - 19, kind) {
            body(index)
          }
          at += recordLength
        }
      }
    }
  }

  /// The number in a name like `sem.00042`, of at most `byteCount` bytes with its terminator.
  private static func index(
    _ name: UnsafeRawPointer, _ byteCount: Int, _ kind: ObjectKind
  ) -> Int? {
    // SAFETY: inside the record, and inside the static string.
    let prefix = kind.prefix
    let length = prefix.utf8CodeUnitCount
    guard byteCount >= length + 7 else { return nil }
    for offset in 0..<length where unsafe byte(name, offset) != prefix.utf8Start[offset] {
      return nil
    }
    guard unsafe byte(name, length) == 46 && byte(name, length + 6) == 0 else { return nil }
    var number = 0
    for offset in length + 1...length + 5 {
      let digit = unsafe byte(name, offset)
      guard digit >= 48 && digit <= 57 else { return nil }
      number = number * 10 + Int(digit - 48)
    }
    return number < Limit.indices ? number : nil
  }

  private static func byte(_ name: UnsafeRawPointer, _ offset: Int) -> UInt8 {
    // SAFETY: as the caller says.
    unsafe name.load(fromByteOffset: offset, as: UInt8.self)
  }
}

/// The numbers in a link's text; false when there is no link with so many.
func readLink<let count: Int>(
  _ path: UnsafePointer<CChar>, _ numbers: inout InlineArray<count, UInt64>
) -> Bool {
  // SAFETY: the path is terminated, the numbers outlive the call.
  unsafe withUnsafeMutablePointer(to: &numbers) { out in
    let out = unsafe UnsafeMutableRawPointer(out).assumingMemoryBound(to: UInt64.self)
    return unsafe omega_read_link(path, out, Int32(count)) == 0
  }
}

/// Makes a link with these numbers as its text: 0 or a negative errno.
func makeLink<let count: Int>(
  _ path: UnsafePointer<CChar>, _ numbers: InlineArray<count, UInt64>
) -> Int {
  // SAFETY: the path is terminated; the text of nine numbers is shorter than the buffer.
  var text = InlineArray<192, CChar>(repeating: 0)
  return unsafe withUnsafeMutablePointer(to: &text) { text in
    let text = unsafe UnsafeMutableRawPointer(text).assumingMemoryBound(to: CChar.self)
    return unsafe withUnsafePointer(to: numbers) { numbers in
      let numbers = unsafe UnsafeRawPointer(numbers).assumingMemoryBound(to: UInt64.self)
      unsafe omega_link_text(text, numbers, Int32(count))
      return unsafe Kernel.symlink(text, path)
    }
  }
}
