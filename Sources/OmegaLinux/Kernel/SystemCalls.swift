import COmegaLinux
import OmegaEngine

/// System calls, made directly. Results are the kernel's: a negative errno on failure.
enum Kernel {
  static let currentDirectory = -100  // AT_FDCWD

  static func open(_ path: UnsafePointer<CChar>, _ flags: Int, mode: UInt32 = 0) -> Int {
    // SAFETY: `path` is a terminated string of ours.
    omega_call(
      omega_call_openat, currentDirectory, Int(bitPattern: path), flags, Int(mode), 0, 0)
  }

  static func close(_ descriptor: Int) {
    _ = omega_call(omega_call_close, descriptor, 0, 0, 0, 0, 0)
  }

  static func unlink(_ path: UnsafePointer<CChar>) -> Int {
    // SAFETY: `path` is a terminated string of ours.
    omega_call(omega_call_unlinkat, currentDirectory, Int(bitPattern: path), 0, 0, 0, 0)
  }

  static func makeDirectory(_ path: UnsafePointer<CChar>, mode: UInt32) -> Int {
    // SAFETY: `path` is a terminated string of ours.
    omega_call(
      omega_call_mkdirat, currentDirectory, Int(bitPattern: path), Int(mode), 0, 0, 0)
  }

  /// linkat(2): `old` may be /proc/self/fd/N, which is followed.
  static func link(_ old: UnsafePointer<CChar>, _ new: UnsafePointer<CChar>) -> Int {
    // SAFETY: both are terminated strings of ours.
    omega_call(
      omega_call_linkat, currentDirectory, Int(bitPattern: old), currentDirectory,
      Int(bitPattern: new), 0x400, 0)
  }

  /// linkat(2) of a file itself, also of a symbolic link.
  static func linkItself(_ old: UnsafePointer<CChar>, _ new: UnsafePointer<CChar>) -> Int {
    // SAFETY: both are terminated strings of ours.
    omega_call(
      omega_call_linkat, currentDirectory, Int(bitPattern: old), currentDirectory,
      Int(bitPattern: new), 0, 0)
  }

  /// linkat(2) of an unnamed file by its descriptor alone. Since Linux 6.10 for whoever opened it,
  /// before that ENOENT without CAP_DAC_READ_SEARCH.
  static func link(descriptor: Int, _ new: UnsafePointer<CChar>) -> Int {
    // SAFETY: a static string and a terminated string of ours.
    let empty: StaticString = ""
    return unsafe omega_call(
      omega_call_linkat, descriptor, Int(bitPattern: empty.utf8Start), currentDirectory,
      Int(bitPattern: new), 0x1000, 0)
  }

  /// renameat(2).
  static func rename(_ old: UnsafePointer<CChar>, _ new: UnsafePointer<CChar>) -> Int {
    // SAFETY: both are terminated strings of ours.
    unsafe omega_rename(old, new)
  }

  /// fchownat(2) of a symbolic link itself.
  static func changeLinkOwner(_ path: UnsafePointer<CChar>, _ uid: UInt32, _ gid: UInt32) -> Int {
    // SAFETY: a terminated string of ours.
    unsafe omega_change_link_owner(path, uid, gid)
  }

  /// symlinkat(2): `path` becomes a link with this text.
  static func symlink(_ text: UnsafePointer<CChar>, _ path: UnsafePointer<CChar>) -> Int {
    // SAFETY: both are terminated strings of ours.
    omega_call(
      omega_call_symlinkat, Int(bitPattern: text), currentDirectory, Int(bitPattern: path), 0, 0, 0)
  }

  static func truncate(_ descriptor: Int, _ byteCount: Int) -> Int {
    omega_call(omega_call_ftruncate, descriptor, byteCount, 0, 0, 0, 0)
  }

  /// fallocate(2): memory behind the first `byteCount` bytes, or ENOSPC.
  static func allocate(_ descriptor: Int, _ byteCount: Int) -> Int {
    omega_call(omega_call_fallocate, descriptor, 0, 0, byteCount, 0, 0)
  }

  static func changeMode(_ descriptor: Int, _ mode: UInt32) -> Int {
    omega_call(omega_call_fchmod, descriptor, Int(mode), 0, 0, 0, 0)
  }

  static func changeOwner(_ descriptor: Int, _ uid: UInt32, _ gid: UInt32) -> Int {
    omega_call(omega_call_fchown, descriptor, Int(uid), Int(gid), 0, 0, 0)
  }

  /// mmap(2) of a file, shared, or of fresh memory when `descriptor` is −1; nil when refused. Takes
  /// the address `near` if the range is free there.
  static func map(
    _ descriptor: Int, _ byteCount: Int, writable: Access = .readWrite,
    near: UnsafeMutableRawPointer? = nil
  ) -> UnsafeMutableRawPointer? {
    // MAP_NORESERVE with MAP_SHARED, or with MAP_PRIVATE | MAP_ANONYMOUS.
    let flags = descriptor >= 0 ? 0x1 | 0x4000 : 0x2 | 0x20 | 0x4000
    let result = omega_call(
      omega_call_mmap, Int(bitPattern: near), byteCount, writable == .readWrite ? 3 : 1, flags,
      descriptor, 0)
    if result < 0 && result > -4096 { return nil }
    // SAFETY: the kernel gave this address.
    return unsafe UnsafeMutableRawPointer(bitPattern: result)
  }

  enum Access { case readOnly, readWrite }

  static func unmap(_ address: UnsafeMutableRawPointer, _ byteCount: Int) {
    // SAFETY: the caller owns the mapping and nobody uses it any more.
    _ = omega_call(
      omega_call_munmap, Int(bitPattern: address), byteCount, 0, 0, 0, 0)
  }

  static func write(_ descriptor: Int, _ bytes: UnsafeRawPointer, _ byteCount: Int, at: Int) -> Int
  {
    // SAFETY: `bytes` holds `byteCount` bytes, says the caller.
    omega_call(
      omega_call_pwrite, descriptor, Int(bitPattern: bytes), byteCount, at, 0, 0)
  }

  /// Seconds and nanoseconds of CLOCK_MONOTONIC, as one number.
  static var monotonicNanoseconds: Int64 { omega_clock_monotonic() }

  static func status(_ descriptor: Int) -> FileStatus? {
    var status = omega_file_status()
    // SAFETY: the shim fills the structure that outlives the call.
    guard unsafe omega_fstat(Int32(descriptor), &status) == 0 else { return nil }
    return FileStatus(status)
  }
}

/// What fstat(2) says about a file.
struct FileStatus {
  var mode: UInt32
  var uid: UInt32
  var gid: UInt32
  var links: UInt64
  var byteCount: Int
  var inode: UInt64

  init(_ status: omega_file_status) {
    mode = status.mode
    uid = status.uid
    gid = status.gid
    links = status.links
    byteCount = Int(status.size)
    inode = status.inode
  }

  var isRegular: Bool { mode & 0o170000 == 0o100000 }
  var isDirectory: Bool { mode & 0o170000 == 0o040000 }
}

/// Flags of open(2). The values are those of x86-64 and aarch64 except where the shim gives them.
enum Open {
  static let readWrite = 2
  static let readOnly = 0
  static let create = 0o100
  static let exclusive = 0o200
  static let nonBlocking = 0o4000
  static let closeOnExec = 0o2000000
  static let noFollow = Int(omega_open_nofollow)
  static let directory = Int(omega_open_directory)
  static let temporary = 0o20000000 | Int(omega_open_directory)  // O_TMPFILE
}
