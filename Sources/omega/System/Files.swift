import Glibc

/// What lstat(2) tells about a name.
struct FileFacts {
  let uid: UInt32
  let mode: UInt32
  let byteCount: Int
  let inode: UInt64

  var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
  var isRegular: Bool { mode & S_IFMT == S_IFREG }
  var isExecutableFile: Bool { isRegular && mode & 0o111 != 0 }
}

/// Room on a file system.
struct FileSystemFacts {
  let byteCount: UInt64
  let freeByteCount: UInt64
  /// Whether there is room for another file.
  let hasFreeFiles: Bool
  /// `tmpfs`, `ext4` …; nil when /proc does not tell.
  let type: String?
}

/// Calls on names of the file system.
enum Files {
  // SAFETY: a `String` passed as a path is a terminated copy for the time of the call.

  /// nil when there is no such name (or it may not be looked at).
  static func facts(_ path: String, followLinks: Bool = false) -> FileFacts? {
    var status = stat()
    // SAFETY: the structure outlives the call, which fills it.
    let result = unsafe followLinks ? stat(path, &status) : lstat(path, &status)
    guard result == 0 else { return nil }
    return FileFacts(
      uid: status.st_uid, mode: status.st_mode, byteCount: Int(status.st_size),
      inode: UInt64(status.st_ino))
  }

  static func fileSystem(_ path: String) -> FileSystemFacts? {
    var status = statvfs()
    // SAFETY: the structure outlives the call, which fills it.
    guard unsafe statvfs(path, &status) == 0 else { return nil }
    let unit = UInt64(status.f_frsize)
    return FileSystemFacts(
      byteCount: UInt64(status.f_blocks) * unit, freeByteCount: UInt64(status.f_bavail) * unit,
      hasFreeFiles: status.f_files == 0 || status.f_favail > 0, type: fileSystemType(path))
  }

  /// The type of the innermost mount that a path is below.
  private static func fileSystemType(_ path: String) -> String? {
    var best = (length: -1, type: "")
    for line in (read("/proc/self/mounts", limit: 1 << 20) ?? "").split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 2 else { continue }
      let point = fields[1] == "/" ? "" : fields[1]
      // The last one of a place is on top.
      if (path == point || path.hasPrefix(point + "/")) && point.count >= best.length {
        best = (point.count, String(fields[2]))
      }
    }
    return best.length < 0 ? nil : best.type
  }

  static func makeDirectory(_ path: String, mode: UInt32) throws(SystemError) {
    guard unsafe mkdir(path, 0o700) == 0 else { throw .last }
    // chmod, because mkdir's mode passes the umask and has no sticky bit everywhere.
    guard unsafe chmod(path, mode) == 0 else { throw .last }
  }

  /// The names in a directory, without `.` and `..`.
  static func names(_ path: String) throws(SystemError) -> [String] {
    // SAFETY: the stream is closed once, after the last use of the entry that it owns.
    guard let stream = unsafe opendir(path) else { throw .last }
    defer { unsafe closedir(stream) }
    return unsafe names(stream)
  }

  @unsafe
  private static func names(_ stream: OpaquePointer) -> [String] {
    var names: [String] = []
    // SAFETY: an entry holds a terminated name and is valid up to the next readdir.
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a directory and all below it, following no link: others may write into it meanwhile.
  static func removeTree(_ path: String) throws(SystemError) {
    try removeContents(AT_FDCWD, path)
    guard unsafe rmdir(path) == 0 else { throw .last }
  }

  private static func removeContents(_ parent: Int32, _ name: String) throws(SystemError) {
    let descriptor = unsafe openat(
      parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
    // SAFETY: the stream owns the descriptor and is closed once.
    guard let stream = unsafe fdopendir(descriptor) else {
      close(descriptor)
      throw .last
    }
    defer { unsafe closedir(stream) }
    for entry in unsafe names(stream) where unsafe unlinkat(descriptor, entry, 0) != 0 {
      if errno == ENOENT { continue }
      guard errno == EISDIR || errno == EPERM else { throw .last }
      try removeContents(descriptor, entry)
      guard unsafe unlinkat(descriptor, entry, AT_REMOVEDIR) == 0 || errno == ENOENT else {
        throw .last
      }
    }
  }

  static func remove(_ path: String) throws(SystemError) {
    guard unsafe unlink(path) == 0 else { throw .last }
  }

  static func removeEmptyDirectory(_ path: String) throws(SystemError) {
    guard unsafe rmdir(path) == 0 else { throw .last }
  }

  /// A small text file, nil when it cannot be read.
  static func read(_ path: String, limit: Int = 65536) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit)
    var count = 0
    while count < limit {
      // SAFETY: at most the rest of the buffer is filled.
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + count }, limit - count)
      }
      if got < 0 && errno == EINTR { continue }
      if got < 0 { return nil }
      if got == 0 { break }
      count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// Replaces a file as a whole: readers see the old text or the new one.
  static func write(_ text: String, to path: String, mode: UInt32) throws(SystemError) {
    let temporary = "\(path).\(getpid())"
    let descriptor = unsafe open(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .last }
    let bytes = Array(text.utf8)
    // SAFETY: the array holds that many bytes.
    let written = unsafe bytes.withUnsafeBytes { buffer in
      unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
    }
    var error: SystemError? = written == bytes.count ? nil : (written < 0 ? .last : .init(ENOSPC))
    if error == nil && fchmod(descriptor, mode) != 0 { error = .last }
    close(descriptor)
    if error == nil, unsafe rename(temporary, path) != 0 { error = .last }
    if let error {
      unsafe unlink(temporary)
      throw error
    }
  }

  /// The text of a symbolic link, nil when it is none.
  static func link(_ path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    // SAFETY: at most the buffer's size is filled.
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    // SAFETY: getcwd allocates a terminated string, freed here.
    guard let current = unsafe getcwd(nil, 0) else { return path }
    defer { unsafe free(current) }
    return unsafe String(cString: current) + "/" + path
  }

  static func mayExecute(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }
  static func mayWrite(_ path: String) -> Bool { unsafe access(path, W_OK | X_OK) == 0 }
}
