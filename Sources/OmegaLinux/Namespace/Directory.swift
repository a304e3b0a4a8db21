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
}

extension Namespace {
  /// The set that has a key, nil when there is none.
  func lookUp(_ kind: ObjectKind, key: Int32) -> KeyLink? {
    // SAFETY: the namespace's path lives as long as the process; the numbers outlive the call.
    var path = unsafe Path(self.path, kind, key: key)
    var numbers = InlineArray<2, UInt64>(repeating: 0)
    guard unsafe path.withText({ unsafe readLink($0, &numbers) }) else { return nil }
    guard let identifier = Int32(exactly: numbers[0]), let size = Int32(exactly: numbers[1])
    else { return nil }
    return KeyLink(identifier: identifier, size: Int(size))
  }

  /// The file at an index, nil when there is none; its size holds the number of semaphores.
  func lookUp(_ kind: ObjectKind, index: Int) -> IndexFile? {
    var raw = omega_file_status()
    // SAFETY: the path is terminated, the structure outlives the call.
    var path = unsafe Path(self.path, kind, index: index)
    guard unsafe path.withText({ unsafe omega_lstat($0, &raw) }) == 0 else { return nil }
    let status = FileStatus(raw)
    guard status.isRegular else { return nil }
    return IndexFile(
      size: SetLayout.semaphoreCount(ofFile: status.byteCount), uid: status.uid,
      inode: status.inode)
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
    while true {
      let length = unsafe withUnsafeMutablePointer(to: &buffer) { out in
        omega_call(
          omega_call_getdents, descriptor, Int(bitPattern: out), 1024, 0, 0, 0)
      }
      if length <= 0 { return }
      var at = 0
      while at + 19 < length {
        let recordLength = Int(buffer[at + 16]) | Int(buffer[at + 17]) << 8
        if recordLength < 20 || at + recordLength > length { break }
        if let index = Namespace.index(buffer, at + 19, at + recordLength, kind) { body(index) }
        at += recordLength
      }
    }
  }

  /// The number in a name like `sem.00042`.
  private static func index(
    _ buffer: borrowing InlineArray<1024, UInt8>, _ start: Int, _ end: Int, _ kind: ObjectKind
  ) -> Int? {
    let prefix = kind.prefix
    var at = start
    for offset in 0..<prefix.utf8CodeUnitCount {
      // SAFETY: inside the static string.
      guard at < end, unsafe buffer[at] == prefix.utf8Start[offset] else { return nil }
      at += 1
    }
    guard at + 6 < end, buffer[at] == 46 else { return nil }
    var number = 0
    for offset in 1...5 {
      let byte = buffer[at + offset]
      guard byte >= 48 && byte <= 57 else { return nil }
      number = number * 10 + Int(byte - 48)
    }
    return buffer[at + 6] == 0 && number < Limit.indices ? number : nil
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
