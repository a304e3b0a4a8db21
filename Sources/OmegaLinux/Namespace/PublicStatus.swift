import COmegaLinux
import OmegaEngine

/// What everybody may know of a set, also who may not open its image: a symbolic link beside it,
/// `sem.00042.id`, whose text is `IDENTIFIER.NSEMS.KEY.UID.GID.CUID.CGID.MODE.CTIME` in decimal.
///
/// Only in shared namespaces: nobody else comes into a private one. It is made after the image's name
/// and before the key's link, replaced by IPC_SET and removed before the image's name, all but the
/// first under the set's lock, so it is never another set's. A death in between leaves at worst an
/// older text, or a set without one: then such callers get EACCES for every identifier.
///
/// The time of the last operation is not in it, for it changes with every operation: SEM_STAT_ANY
/// shows 0 to those who may not open the image.
extension Namespace {
  /// The public status of the set at an index; nil when there is none that can be believed.
  public func publicStatus(_ kind: ObjectKind, index: Int) -> PublicStatus? {
    guard let file = lookUp(kind, index: index) else { return nil }
    var raw = omega_file_status()
    // SAFETY: the namespace's path lives as long as the process, the structure outlives the call.
    var path = unsafe Path(self.path, statusOf: kind, index: index)
    guard unsafe path.withText({ unsafe omega_lstat($0, &raw) }) == 0 else { return nil }
    let owner = FileStatus(raw).uid
    var numbers = InlineArray<9, UInt64>(repeating: 0)
    guard unsafe path.withText({ unsafe readLink($0, &numbers) }),
      let identifier = Int32(exactly: numbers[0]), Int(identifier) & 0x7FFF == index,
      numbers[1] == UInt64(file.size)
    else { return nil }
    let permissions = Permissions(
      uid: UInt32(truncatingIfNeeded: numbers[3]), gid: UInt32(truncatingIfNeeded: numbers[4]),
      cuid: UInt32(truncatingIfNeeded: numbers[5]), cgid: UInt32(truncatingIfNeeded: numbers[6]),
      mode: UInt32(truncatingIfNeeded: numbers[7]) & 0o777)
    // As with images: nobody speaks for another user's set.
    guard owner == file.uid || owner == 0 else { return nil }
    guard file.uid == 0 || permissions.uid == file.uid || permissions.cuid == file.uid else {
      return nil
    }
    return PublicStatus(
      identifier: identifier, key: Int32(truncatingIfNeeded: numbers[2]), permissions: permissions,
      size: file.size, ctime: Int64(truncatingIfNeeded: numbers[8]))
  }

  /// Makes the public status of a new set.
  func publishNewStatus<Object: StoredObject>(_ object: Object) {
    guard isShared else { return }
    // Under the lock of a live object: nobody removes it meanwhile.
    try? object.holdStill(LinuxHost()) {
      let kind = Object.kind
      let status = PublicStatus(object)
      let index = Int(status.identifier) & 0x7FFF
      // SAFETY: the namespace's path lives as long as the process.
      var path = unsafe Path(self.path, statusOf: kind, index: index)
      unsafe path.withText { path in
        if unsafe makeLink(path, Namespace.numbers(status)) != -17 { return }
        // What a dead set has left.
        _ = unsafe Kernel.unlink(path)
        _ = unsafe makeLink(path, Namespace.numbers(status))
      }
    }
  }

  /// Replaces the public status of a live set, and lets its file follow owner and mode.
  func publishStatus<Object: StoredObject>(_ object: Object, inode: UInt64) {
    guard isShared else { return }
    // Under the lock of a live object, so that the last change comes last.
    try? object.holdStill(LinuxHost()) {
      let kind = Object.kind
      let status = PublicStatus(object)
      let index = Int(status.identifier) & 0x7FFF
      let permissions = status.permissions
      _ = changeFile(kind, index: index, inode: inode, permissions)
      // The owner must be able to remove the key's link in a sticky directory.
      if lookUp(kind, key: status.key)?.identifier == status.identifier {
        // SAFETY: the namespace's path lives as long as the process.
        var link = unsafe Path(path, kind, key: status.key)
        unsafe link.withText { unsafe followOwner($0, permissions) }
      }
      replaceStatus(kind, status, index: index)
    }
  }

  /// Renamed into place, so that a reader finds the old text or the new one.
  private func replaceStatus(_ kind: ObjectKind, _ status: PublicStatus, index: Int) {
    // SAFETY: as above.
    var path = unsafe Path(self.path, statusOf: kind, index: index)
    var fresh = unsafe Path(self.path, statusOf: kind, index: index, suffix: ".new")
    // What a death left under the name.
    _ = unsafe fresh.withText { unsafe Kernel.unlink($0) }
    guard unsafe fresh.withText({ unsafe makeLink($0, Namespace.numbers(status)) }) == 0 else {
      return
    }
    unsafe fresh.withText { unsafe followOwner($0, status.permissions) }
    let renamed = unsafe fresh.withText { fresh in
      unsafe path.withText { unsafe Kernel.rename(fresh, $0) }
    }
    if renamed != 0 { _ = unsafe fresh.withText { unsafe Kernel.unlink($0) } }
  }

  /// Removes the public status if it is this set's. Only under its lock, while it has its name.
  func withdrawStatus(_ kind: ObjectKind, _ identifier: Int32) {
    let index = Int(identifier) & 0x7FFF
    guard isShared, publicIdentifier(kind, index: index) == identifier else { return }
    // SAFETY: as above.
    var path = unsafe Path(self.path, statusOf: kind, index: index)
    _ = unsafe path.withText { unsafe Kernel.unlink($0) }
  }

  private func publicIdentifier(_ kind: ObjectKind, index: Int) -> Int32? {
    // SAFETY: as above.
    var path = unsafe Path(self.path, statusOf: kind, index: index)
    var numbers = InlineArray<9, UInt64>(repeating: 0)
    guard unsafe path.withText({ unsafe readLink($0, &numbers) }) else { return nil }
    return Int32(exactly: numbers[0])
  }

  /// The new owner must be able to replace and remove the link in a sticky directory.
  private func followOwner(_ path: UnsafePointer<CChar>, _ permissions: Permissions) {
    let euid = Credentials().euid
    if permissions.uid == euid { return }
    // SAFETY: the path is terminated. Refused without CAP_CHOWN, as for the image.
    _ = unsafe Kernel.changeLinkOwner(path, permissions.uid, permissions.gid)
  }

  private static func numbers(_ status: PublicStatus) -> InlineArray<9, UInt64> {
    let permissions = status.permissions
    return [
      UInt64(UInt32(bitPattern: status.identifier)), UInt64(status.size),
      UInt64(UInt32(bitPattern: status.key)), UInt64(permissions.uid), UInt64(permissions.gid),
      UInt64(permissions.cuid), UInt64(permissions.cgid), UInt64(permissions.mode),
      UInt64(max(0, status.ctime)),
    ]
  }
}

/// What a public status tells.
public struct PublicStatus: Sendable {
  public var identifier: Int32
  public var key: Int32
  public var permissions: Permissions
  /// Semaphores, or bytes.
  public var size: Int
  public var ctime: Int64

  fileprivate init(
    identifier: Int32, key: Int32, permissions: Permissions, size: Int, ctime: Int64
  ) {
    self.identifier = identifier
    self.key = key
    self.permissions = permissions
    self.size = size
    self.ctime = ctime
  }

  init<Object: IPCObject>(_ object: Object) {
    self.init(
      identifier: object.identifier, key: object.key, permissions: object.permissions,
      size: Int(truncatingIfNeeded: object.image.load(Header.parameter)),
      ctime: Int64(bitPattern: object.image.load(Header.ctime)))
  }
}

extension Namespace {
  /// The status of a set that may not be opened: its last operation's time is not known.
  public func publicSetStatus(index: Int) -> SetStatus? {
    guard let status = publicStatus(.semaphores, index: index) else { return nil }
    return SetStatus(
      identifier: status.identifier, key: status.key, permissions: status.permissions,
      semaphoreCount: status.size, otime: 0, ctime: status.ctime)
  }

  /// The status of a queue that may not be opened: what changes with its messages is not known.
  public func publicQueueStatus(index: Int) -> QueueStatus? {
    publicStatus(.queues, index: index).map { QueueStatus($0) }
  }

  /// The same of a segment: who has it attached is not known.
  public func publicSegmentStatus(index: Int) -> SegmentStatus? {
    publicStatus(.segments, index: index).map { SegmentStatus($0) }
  }
}
