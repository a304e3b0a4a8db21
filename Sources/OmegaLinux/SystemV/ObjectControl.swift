import COmegaLinux
import OmegaEngine

// What semctl, msgctl and shmctl have in common.
extension Namespace {
  /// IPC_RMID.
  func remove<Object: StoredObject>(
    _ kind: Object.Type, _ identifier: Int32
  ) throws(Errno) -> Int32 {
    let handle = unsafe try controllable(kind, identifier)
    defer { unsafe leave(handle) }
    // SAFETY: the handle is entered.
    let object = unsafe handle.pointee.object
    let inode = unsafe handle.pointee.inode
    try object.remove(LinuxHost()) { unlinkNames(object, inode: inode) }
    unsafe retire(handle)
    return 0
  }

  /// IPC_SET: `change` changes the object itself, when `check` does not refuse.
  func setOwner<Object: StoredObject>(
    _ kind: Object.Type, _ identifier: Int32, _ owner: NewOwner,
    check: () throws(Errno) -> Void = {}, change: (Object, NewOwner) throws(Errno) -> Void
  ) throws(Errno) -> Int32 {
    let handle = unsafe try controllable(kind, identifier)
    defer { unsafe leave(handle) }
    try check()
    if owner.uid == .max || owner.gid == .max { throw .invalid }
    // SAFETY: the handle is entered.
    let object = unsafe handle.pointee.object
    let inode = unsafe handle.pointee.inode
    var permissions = object.permissions
    permissions.uid = owner.uid
    permissions.gid = owner.gid
    permissions.mode = owner.mode
    let index = Int(identifier) & 0x7FFF
    guard changeFile(Object.kind, index: index, inode: inode, permissions) else {
      throw .notPermitted
    }
    try change(object, owner)
    publishStatus(object, inode: inode)
    return 0
  }

  /// The handle of an object that the process may IPC_SET and IPC_RMID; EPERM otherwise.
  func controllable<Object: StoredObject>(
    _ kind: Object.Type, _ identifier: Int32
  ) throws(Errno) -> ObjectHandle<Object> {
    let handle: ObjectHandle<Object>
    do throws(Errno) {
      unsafe handle = try self.handle(identifier, kind)
    } catch {
      throw error == .accessDenied ? .notPermitted : error
    }
    // SAFETY: the handle is entered.
    if Credentials().mayControl(unsafe handle.pointee.object.permissions) { return unsafe handle }
    unsafe leave(handle)
    throw .notPermitted
  }

  /// The public status of an object that may not be opened, if its permissions grant reading even so:
  /// the file has one owner and one group, the object an owner and a creator.
  func readableStatus(_ kind: ObjectKind, index: Int) throws(Errno) -> PublicStatus {
    guard let status = publicStatus(kind, index: index),
      Credentials().granted(status.permissions) & Permissions.read != 0
    else { throw .accessDenied }
    return status
  }
}

/// What IPC_SET takes of a `struct ipc_perm`.
struct NewOwner {
  var uid: UInt32
  var gid: UInt32
  var mode: UInt32

  /// Of a structure that begins with one.
  init(_ input: ReadableBytes) {
    uid = input.load(Int(omega_perm_uid), as: UInt32.self)
    gid = input.load(Int(omega_perm_gid), as: UInt32.self)
    mode = input.load(Int(omega_perm_mode), as: UInt32.self) & 0o777
  }
}

extension WritableBytes {
  /// Fills in the `struct ipc_perm` that a structure begins with.
  func store(_ permissions: Permissions, key: Int32, identifier: Int32) {
    store(key, Int(omega_perm_key))
    store(permissions.uid, Int(omega_perm_uid))
    store(permissions.gid, Int(omega_perm_gid))
    store(permissions.cuid, Int(omega_perm_cuid))
    store(permissions.cgid, Int(omega_perm_cgid))
    store(permissions.mode, Int(omega_perm_mode))
    store(UInt16(truncatingIfNeeded: identifier >> 15), Int(omega_perm_seq))
  }
}
