import COmegaLinux
import OmegaEngine

/// An opened namespace: one per directory and process, never freed.
///
/// Stands in memory of its own (no allocator).
@safe
public struct NamespaceState {
  /// Handles by index, for each kind a table with an entry for every index (`StoredObject.table`). An
  /// entry is changed under the process's lock and read without it. A fork wipes it: a child must not use
  /// its parent's mappings, which may become another object's (`Spare.swift`). Those of segments that it
  /// has attached too it enters again (`Forking.swift`).
  // SAFETY: maps 32768 pointers a kind for the life of the process.
  let tables: UnsafeMutableRawPointer
  /// The directory's path, terminated.
  let path: UnsafePointer<CChar>
  /// `sequence`: where the next identifier comes from (`Allocation.swift`).
  let sequence: Image
  let limits: NamespaceLimits
  /// Others may make files in the directory: see `PublicStatus.swift`.
  let isShared: Bool
  /// Where the next image is mapped if there is room: right behind memory that stays, so that a
  /// program that makes and removes sets again and again keeps the page table of their first pages.
  /// A hint, changed without a lock.
  var near: UnsafeMutableRawPointer
  /// Fresh handles are taken from here, for each kind from its own part.
  let pools: UnsafeMutableRawPointer
  /// What else a fork wipes: 64 bytes a kind, and their supplies of handles.
  let recent: UnsafeMutablePointer<Recent>
  /// A fork does wipe it.
  let mayRenew: Bool
}

/// What a process has in hand of a kind. All zeros at the start and after a fork. Under the process's lock.
@unsafe
struct Recent {
  /// See `Spare.swift`.
  var spare: UnsafeMutableRawPointer?
  var spareSize = 0
  var spareInode: UInt64 = 0
  var hasNoSpareName: UInt32 = 0
  /// A program that removes one object leaves no image in reserve.
  var hasRemovedBefore: UInt32 = 0
}

/// Handles of a kind's pool that were given out, and those of them that came back. All zeros at the start,
/// and for all kinds but segments after a fork. Under the process's lock.
@unsafe
struct HandleSupply {
  var pooled = 0
  var free: UnsafeMutableRawPointer?
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
  var isShared: Bool { unsafe state.pointee.isShared }
  var recent: UnsafeMutablePointer<Recent> { unsafe state.pointee.recent }

  /// Maps an object's image; nil when refused.
  func mapImage(_ descriptor: Int, _ byteCount: Int) -> UnsafeMutableRawPointer? {
    // SAFETY: only an address to try, and never one that is in use.
    let near = unsafe state.pointee.near
    guard let memory = unsafe Kernel.map(descriptor, byteCount, near: near) else { return nil }
    if unsafe memory == near { unsafe state.pointee.near = memory + byteCount }
    return unsafe memory
  }

  /// Unmaps what `mapImage` mapped, used no more.
  func unmapImage<Object: StoredObject>(_ object: Object) {
    let memory = unsafe object.image.address(0)
    unsafe Kernel.unmap(memory, object.image.byteCount)
    // SAFETY: as above.
    let near = unsafe state.pointee.near
    if unsafe memory + object.image.byteCount == near { unsafe state.pointee.near = memory }
  }

  /// The namespace of the environment (`OMEGA_IPC_NAMESPACE`), else the user's own; opened at the
  /// first call of the process.
  @inline(__always)
  public static func ofEnvironment() throws(Errno) -> Namespace {
    if let opened { return opened }
    return try openDefault()
  }

  /// The same, once it was opened.
  @inline(__always)
  static var opened: Namespace? {
    // SAFETY: the pointer is only ever set to a NamespaceState.
    guard let state = unsafe omega_get_default() else { return nil }
    return unsafe Namespace(state.assumingMemoryBound(to: NamespaceState.self))
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
    // SAFETY: as in `opened`.
    let first = unsafe omega_set_default_once(namespace.state)
    return unsafe Namespace(first.assumingMemoryBound(to: NamespaceState.self))
  }

  enum Kind { case given, ofUser }

  /// Opens the directory, made with mode 0700 when it is missing.
  ///
  /// Throws ENAMETOOLONG when the path has more than `longestPath` bytes, EACCES when it is not a
  /// directory that only its user, root or (with the sticky bit) each for himself can change; ENOSPC
  /// or ENOMEM when there is no memory.
  static func open(_ path: UnsafePointer<CChar>, kind: Kind) throws(Errno) -> Namespace {
    // SAFETY: `path` is terminated; everything mapped here is kept for the life of the process.
    var length = 0
    while unsafe path[length] != 0 { length += 1 }
    guard length <= longestPath else { throw Errno(rawValue: 36) }  // ENAMETOOLONG
    _ = unsafe Kernel.makeDirectory(path, mode: 0o700)
    guard let mode = unsafe trustworthyMode(path, kind) else { throw .accessDenied }
    let stateBytes = 8192
    let tableBytes = ObjectKind.count * Namespace.tableByteCount
    let poolBytes = ObjectKind.count * Namespace.poolByteCount
    let recentBytes = 4096
    let wipedBytes = recentBytes + tableBytes
    let poolOffset = stateBytes + wipedBytes
    let allBytes = poolOffset + (poolBytes + 4095) / 4096 * 4096
    guard let memory = unsafe Kernel.map(-1, allBytes + holeBytes) else { throw .noMemory }
    unsafe Kernel.unmap(memory + allBytes, holeBytes)
    let wipes = unsafe omega_call(
      omega_call_madvise, Int(bitPattern: memory + stateBytes), wipedBytes, 18, 0, 0, 0)
    let copy = unsafe (memory + 4096).assumingMemoryBound(to: CChar.self)
    for index in 0...length { unsafe copy[index] = path[index] }
    let state = unsafe memory.assumingMemoryBound(to: NamespaceState.self)
    let sequence = unsafe try openSequence(UnsafePointer(copy))
    unsafe state.initialize(
      to: NamespaceState(
        tables: memory + stateBytes + recentBytes, path: UnsafePointer(copy), sequence: sequence,
        limits: NamespaceLimits.read(UnsafePointer(copy)), isShared: mode & 0o022 != 0,
        near: memory + allBytes,
        pools: memory + poolOffset,
        recent: (memory + stateBytes).assumingMemoryBound(to: Recent.self),
        mayRenew: wipes == 0))
    return unsafe Namespace(state)
  }

  static var poolCount: Int { Limit.indices + 4096 }
  static var tableByteCount: Int { 8 * Limit.indices }
  /// A handle of any kind has less than 512 bytes.
  static var poolByteCount: Int { 512 * poolCount }
  /// Addresses left free for the images of the first small sets.
  private static var holeBytes: Int { 64 << 20 }
  /// The longest path in bytes, so that every name fits a small buffer on the stack (`Path`).
  public static var longestPath: Int { 200 }

  /// The directory's mode; nil when it cannot be trusted.
  private static func trustworthyMode(_ path: UnsafePointer<CChar>, _ kind: Kind) -> UInt32? {
    var raw = omega_file_status()
    // SAFETY: `path` is terminated; the structure outlives the call.
    guard unsafe omega_lstat(path, &raw) == 0 else { return nil }
    let status = FileStatus(raw)
    let euid = Credentials().euid
    let mode = status.mode & 0o7777
    guard status.isDirectory else { return nil }
    let isSticky = mode & 0o1000 != 0
    let isTrusted =
      if kind == .ofUser {
        status.uid == euid && mode & 0o777 == 0o700
      } else if status.uid != euid && status.uid != 0 && euid != 0 {
        isSticky && mode & 0o002 != 0
      } else {
        mode & 0o022 == 0 || isSticky
      }
    return isTrusted ? mode : nil
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
    if status.byteCount < 4096 {
      guard mayHaveFile(of: 4096), Kernel.allocate(descriptor, 4096) == 0 else { throw .noSpace }
    }
    guard let memory = unsafe Kernel.map(descriptor, 4096) else { throw .noMemory }
    return unsafe Image(base: memory, byteCount: 4096)
  }
}
