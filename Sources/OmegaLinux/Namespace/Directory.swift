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
  var inode: UInt64
}

extension Namespace {
  /// The set that has a key, nil when there is none.
  func lookUp(_ kind: ObjectKind, key: Int32) -> KeyLink? {
    // SAFETY: the namespace's path lives as long as the process; the numbers outlive the call.
    var path = unsafe Path(self.path, kind, key: key)
    var identifier: UInt32 = 0
    var size: UInt32 = 0
    let result = unsafe path.withText { unsafe omega_read_link($0, &identifier, &size) }
    return result == 0 ? KeyLink(identifier: Int32(bitPattern: identifier), size: Int(size)) : nil
  }

  /// The file at an index, nil when there is none; its size holds the number of semaphores.
  func lookUp(_ kind: ObjectKind, index: Int) -> IndexFile? {
    var raw = omega_file_status()
    // SAFETY: the path is terminated, the structure outlives the call.
    var path = unsafe Path(self.path, kind, index: index)
    guard unsafe path.withText({ unsafe omega_lstat($0, &raw) }) == 0 else { return nil }
    let status = FileStatus(raw)
    guard status.isRegular else { return nil }
    return IndexFile(size: SetLayout.semaphoreCount(ofFile: status.byteCount), inode: status.inode)
  }

  /// Calls `body` with the index of every file of the kind, in the directory's order.
  func forEachIndex(_ kind: ObjectKind, _ body: (Int) -> Void) {
    // SAFETY: the path is terminated; the kernel writes at most the buffer's 8192 bytes, and records
    // are read inside what it says it wrote.
    let descriptor = unsafe Kernel.open(
      path, Open.readOnly | Open.directory | Open.closeOnExec | Open.noFollow)
    guard descriptor >= 0 else { return }
    defer { Kernel.close(descriptor) }
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    while true {
      let length = unsafe withUnsafeMutablePointer(to: &buffer) { out in
        omega_call(
          omega_call_getdents, descriptor, Int(bitPattern: out), 8192, 0, 0, 0)
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
    _ buffer: borrowing InlineArray<8192, UInt8>, _ start: Int, _ end: Int, _ kind: ObjectKind
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
