import COmegaLinux
import OmegaEngine

/// The file's rights follow the set's, so that the kernel enforces who may map it.
///
/// A set has an owner and a creator, and a group of each; a file has one of both. The file's owner is
/// the set's owner where the caller may make it so (CAP_CHOWN), else whoever made the file; the others
/// of the four come into an access control list, where the file system has such.
extension Namespace {
  /// Makes the file at an index follow permissions that the set is about to get.
  ///
  /// False when the file would then belong to neither owner nor creator: nobody would believe such an
  /// image any more (`ImageFile.opened`). So someone who was given a set cannot give it away without
  /// CAP_CHOWN, which Linux would let him.
  func changeFile(_ kind: ObjectKind, index: Int, inode: UInt64, _ permissions: Permissions) -> Bool
  {
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, kind, index: index)
    let descriptor = unsafe name.withText {
      unsafe Kernel.open(
        $0, Open.readWrite | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    }
    guard descriptor >= 0 else { return true }
    defer { Kernel.close(descriptor) }
    guard let before = Kernel.status(descriptor), before.inode == inode else { return true }
    if before.uid != permissions.uid || before.gid != permissions.gid {
      // Who may not change the owner may still change the group, to one that he is in.
      if Kernel.changeOwner(descriptor, permissions.uid, permissions.gid) != 0 {
        _ = Kernel.changeOwner(descriptor, .max, permissions.gid)
      }
    }
    guard let file = Kernel.status(descriptor) else { return true }
    if file.uid != permissions.uid && file.uid != permissions.cuid && file.uid != 0 { return false }
    let mode = Namespace.fileMode(permissions.mode)
    var rights = omega_rights(
      owner: file.uid, uid: permissions.uid, cuid: permissions.cuid, owning_group: file.gid,
      gid: permissions.gid, cgid: permissions.cgid, group: mode >> 3 & 0o7, other: mode & 0o7)
    // Refused to those who are not the file's owner: it keeps what it granted. The engine still
    // checks.
    // SAFETY: the structure outlives the call.
    _ = unsafe omega_set_rights(Int32(descriptor), &rights)
    return true
  }
}
