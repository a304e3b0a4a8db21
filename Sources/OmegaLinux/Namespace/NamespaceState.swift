import COmegaLinux
import OmegaEngine

/// An opened namespace: one per directory and process, never freed.
///
/// Stands in memory of its own (no allocator). `table` has an entry for every index.
@safe
public struct NamespaceState {
  /// Handles by index. An entry is changed under the process's lock and read without it.
  // SAFETY: maps 32768 pointers for the life of the process.
  let table: UnsafeMutablePointer<UnsafeMutablePointer<Handle>?>
  /// The directory's path, terminated.
  let path: UnsafePointer<CChar>
  /// `sequence`: where the next identifier comes from (`Allocation.swift`).
  let sequence: Image
  let limits: NamespaceLimits
  /// Fresh handles are taken from here. Under the process's lock.
  var pool: UnsafeMutablePointer<Handle>
  var pooled: Int
  var free: UnsafeMutablePointer<Handle>?
}

/// A namespace, to be passed around.
@safe
public struct Namespace: @unchecked Sendable {
  // SAFETY: points to memory that lives as long as the process; what changes in it is guarded by the
  // process's lock, hence Sendable.
  let state: UnsafeMutablePointer<NamespaceState>

  init(_ state: UnsafeMutablePointer<NamespaceState>) { unsafe self.state = state }

  var path: UnsafePointer<CChar> { unsafe state.pointee.path }
  public var limits: NamespaceLimits { unsafe state.pointee.limits }

  /// The namespace of the environment (`OMEGA_IPC_NAMESPACE`), else the user's own; opened at the
  /// first call of the process.
  @inline(__always)
  public static func ofEnvironment() throws(Errno) -> Namespace {
    // SAFETY: the pointer is only ever set to a NamespaceState.
    if let state = unsafe omega_get_default() {
      return unsafe Namespace(state.assumingMemoryBound(to: NamespaceState.self))
    }
    return try openDefault()
  }

  @inline(never)
  private static func openDefault() throws(Errno) -> Namespace {
    // SAFETY: the shim's buffer is terminated and lives for ever.
    let given = unsafe UnsafePointer<CChar>(omega_namespace())
    let namespace: Namespace
    if unsafe given.pointee != 0 {
      namespace = unsafe try open(given, kind: .given)
    } else {
      // SAFETY: the buffer holds the fixed text and ten digits.
      var text = InlineArray<64, CChar>(repeating: 0)
      let euid = Credentials().euid
      namespace = try unsafe withUnsafeMutablePointer(to: &text) { out throws(Errno) in
        let out = unsafe UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self)
        unsafe omega_path_default(out, euid)
        return unsafe try open(UnsafePointer(out), kind: .ofUser)
      }
    }
    // Two threads may open it at once: the first one's stays, the other's few pages are forgotten.
    // SAFETY: as in `ofEnvironment`.
    let first = unsafe omega_set_default_once(namespace.state)
    return unsafe Namespace(first.assumingMemoryBound(to: NamespaceState.self))
  }

  enum Kind { case given, ofUser }

  /// Opens the directory, made with mode 0700 when it is missing.
  ///
  /// Throws EACCES when it is not a directory that only its user, root or (with the sticky bit) each
  /// for himself can change; ENOSPC or ENOMEM when there is no memory.
  static func open(_ path: UnsafePointer<CChar>, kind: Kind) throws(Errno) -> Namespace {
    // SAFETY: `path` is terminated; everything mapped here is kept for the life of the process.
    _ = unsafe Kernel.makeDirectory(path, mode: 0o700)
    guard unsafe isTrustworthy(path, kind) else { throw .accessDenied }
    var length = 0
    while unsafe path[length] != 0 { length += 1 }
    guard length < 4096 - 64 else { throw .noEntry }
    let stateBytes = 8192
    let tableBytes = 8 * Limit.indices
    let poolBytes = unsafe MemoryLayout<Handle>.stride * poolCount
    guard let memory = unsafe Kernel.map(-1, stateBytes + tableBytes + poolBytes) else {
      throw .noMemory
    }
    let copy = unsafe (memory + 4096).assumingMemoryBound(to: CChar.self)
    for index in 0...length { unsafe copy[index] = path[index] }
    let state = unsafe memory.assumingMemoryBound(to: NamespaceState.self)
    let sequence = unsafe try openSequence(UnsafePointer(copy))
    unsafe state.initialize(
      to: NamespaceState(
        table: (memory + stateBytes).assumingMemoryBound(
          to: UnsafeMutablePointer<Handle>?.self),
        path: UnsafePointer(copy), sequence: sequence,
        limits: NamespaceLimits.read(UnsafePointer(copy)),
        pool: (memory + stateBytes + tableBytes).assumingMemoryBound(to: Handle.self),
        pooled: 0, free: nil))
    return unsafe Namespace(state)
  }

  static var poolCount: Int { Limit.indices + 4096 }

  private static func isTrustworthy(_ path: UnsafePointer<CChar>, _ kind: Kind) -> Bool {
    var raw = omega_file_status()
    // SAFETY: `path` is terminated; the structure outlives the call.
    guard unsafe omega_lstat(path, &raw) == 0 else { return false }
    let status = FileStatus(raw)
    let euid = Credentials().euid
    guard status.isDirectory else { return false }
    if kind == .ofUser { return status.uid == euid && status.mode & 0o777 == 0o700 }
    if status.uid != euid && status.uid != 0 && !(euid == 0) {
      return status.mode & 0o1000 != 0 && status.mode & 0o002 != 0
    }
    return status.mode & 0o022 == 0 || status.mode & 0o1000 != 0
  }

  private static func openSequence(_ directory: UnsafePointer<CChar>) throws(Errno) -> Image {
    var path = unsafe Path(directory, file: "sequence")
    // SAFETY: the file is ours or shared; it has one page, checked below.
    let flags = Open.readWrite | Open.closeOnExec | Open.noFollow | Open.nonBlocking
    var descriptor = unsafe path.withText { unsafe Kernel.open($0, flags) }
    if descriptor == -2 {
      descriptor = unsafe path.withText {
        unsafe Kernel.open($0, flags | Open.create | Open.exclusive, mode: 0o666)
      }
      if descriptor >= 0 { _ = Kernel.changeMode(descriptor, 0o666) }
      if descriptor == -17 { descriptor = unsafe path.withText { unsafe Kernel.open($0, flags) } }
    }
    guard descriptor >= 0 else { throw Errno(rawValue: Int32(-descriptor)) }
    defer { Kernel.close(descriptor) }
    // Idempotent: the first one gives it its page, the others find it.
    guard let status = Kernel.status(descriptor), status.isRegular else { throw .accessDenied }
    guard status.byteCount >= 4096 || Kernel.allocate(descriptor, 4096) == 0 else { throw .noSpace }
    guard let memory = unsafe Kernel.map(descriptor, 4096) else { throw .noMemory }
    return unsafe Image(base: memory, byteCount: 4096)
  }
}
