import COmegaLinux
import OmegaEngine

/// A process keeps the image of one small set and one small segment that it has made and removed, and makes
/// the next one of it (`Renewal.swift`): a name more and a name less, instead of a file and a mapping.
///
/// It begins with the second one that the process removes. Between two the image has only the name
/// `spare.000NN`, of which a namespace has eight for each kind, chosen by pid: a file must keep one name to
/// be given others. The process that holds it is in the header, as the maker; a later one takes the name
/// over when that process is gone. In shared namespaces only images that never were for anybody but
/// their owner: others might hide that they have mapped them.
extension Namespace {
  // SAFETY: for the whole file: paths and `recent` live as long as the process, and `recent` is
  // changed under the process's lock or by one atomic exchange.
  private func spareSlot(_ kind: ObjectKind) -> Int {
    Int(unsafe omega_identity().pointee.pid) & 7 | kind.number << 3
  }

  private func recent(_ kind: ObjectKind) -> UnsafeMutablePointer<Recent> {
    unsafe (UnsafeMutableRawPointer(recent) + 64 * kind.number).assumingMemoryBound(to: Recent.self)
  }

  /// Before the image of a removed set loses its name: it becomes the spare one if this process made
  /// it and has none. Only under the set's lock.
  func giveSpareName<Object: RenewableObject & StoredObject>(
    _ object: Object, inode: UInt64, index: Int
  ) {
    let recent = unsafe recent(Object.kind)
    guard unsafe state.pointee.mayRenew && recent.pointee.spareInode == 0,
      unsafe recent.pointee.hasNoSpareName == 0, mayBeSpare(object), isMaker(of: object)
    else { return }
    let token = omega_lock_process()
    defer { omega_unlock_process(token) }
    guard unsafe recent.pointee.spareInode == 0 else { return }
    if unsafe recent.pointee.hasRemovedBefore == 0 {
      unsafe recent.pointee.hasRemovedBefore = 1
      return
    }
    if linkSpare(Object.kind, index)
      || (takeOverSpareName(Object.self) && linkSpare(Object.kind, index))
    {
      unsafe recent.pointee.spareInode = inode
    } else {
      unsafe recent.pointee.hasNoSpareName = 1
    }
  }

  private func mayBeSpare<Object: RenewableObject>(_ object: Object) -> Bool {
    guard object.isUnshared else { return false }
    // The second generation of permissions: those of the creation, and the removal.
    return !isShared
      || object.stateWord >> 8 == 2 && Namespace.fileMode(object.permissions.mode) == 0o600
  }

  private func isMaker<Object: IPCObject>(of object: Object) -> Bool {
    let host = LinuxHost()
    return object.image.load(Header.creator) == UInt64(host.pid)
      && host.isOwnStart(object.image.load(Header.creatorStart))
  }

  @inline(never)
  private func linkSpare(_ kind: ObjectKind, _ index: Int) -> Bool {
    var name = unsafe Path(path, kind, index: index)
    var spare = unsafe Path(path, spare: spareSlot(kind))
    return unsafe name.withText { name in
      unsafe spare.withText { unsafe Kernel.linkItself(name, $0) == 0 }
    }
  }

  /// Removes the name if the process that held it is gone. (The file may be an object that lives on: it
  /// keeps its name by index.)
  @inline(never)
  private func takeOverSpareName<Object: StoredObject>(_ kind: Object.Type) -> Bool {
    var spare = unsafe Path(path, spare: spareSlot(Object.kind))
    let descriptor = unsafe spare.withText {
      unsafe Kernel.open($0, Open.readOnly | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    }
    guard descriptor >= 0 else { return false }
    defer { Kernel.close(descriptor) }
    var words = InlineArray<16, UInt64>(repeating: 0)
    let length = unsafe withUnsafeMutablePointer(to: &words) { out in
      omega_call(omega_call_read, descriptor, Int(bitPattern: out), 128, 0, 0, 0)
    }
    guard length == 128, words[Header.magic / 8] == Object.magic else { return false }
    let pid = UInt32(truncatingIfNeeded: words[Header.creator / 8])
    let startTime = words[Header.creatorStart / 8]
    let host = LinuxHost()
    // Our own: from before an exec.
    let isOurs = pid == host.pid && host.isOwnStart(startTime)
    guard isOurs || host.processIsGone(pid: pid, startTime: startTime) else { return false }
    return unsafe spare.withText { unsafe Kernel.unlink($0) } == 0
  }

  /// Instead of unmapping the image of a removed object: true when it is kept as the spare one. Under the
  /// process's lock, without users.
  func keepSpare<Object: RenewableObject & StoredObject>(_ handle: ObjectHandle<Object>) -> Bool {
    let recent = unsafe recent(Object.kind)
    guard unsafe recent.pointee.spareInode == handle.pointee.inode else { return false }
    let object = unsafe handle.pointee.object
    guard unsafe handle.pointee.isMaker != 0 && recent.pointee.spare == nil,
      ObjectState.of(object.stateWord) == ObjectState.removed, mayBeSpare(object)
    else {
      dropSpareName(Object.kind, inode: unsafe handle.pointee.inode)
      return false
    }
    unsafe recent.pointee.spareSize = Object.size(of: object)
    unsafe omega_publish(&recent.pointee.spare, object.image.address(0))
    return true
  }

  /// Removes the spare name if it is this file's.
  @inline(never)
  func dropSpareName(_ kind: ObjectKind, inode: UInt64) {
    let recent = unsafe recent(kind)
    guard unsafe recent.pointee.spareInode == inode else { return }
    unsafe recent.pointee.spareInode = 0
    var spare = unsafe Path(path, spare: spareSlot(kind))
    _ = unsafe spare.withText { unsafe Kernel.unlink($0) }
  }

  /// Makes a new object of the spare image and gives it its name by index; nil when there is none that
  /// fits. `reserved` gets the identifier that was reserved in vain.
  func createFromSpare<Object: RenewableObject & StoredObject>(
    _ size: Int, _ header: inout NewHeader, _ reserved: inout Int32?
  ) -> ImageFile<Object>? {
    let recent = unsafe recent(Object.kind)
    guard unsafe recent.pointee.spareSize == size,
      let memory = unsafe omega_take(&recent.pointee.spare)
    else { return nil }
    // From here on the spare image is ours, and nobody else gives the process another one.
    let image = unsafe Image(base: memory, byteCount: Object.imageByteCount(size: size))
    let file = ImageFile(
      object: Object(image: image, size: size), inode: unsafe recent.pointee.spareInode)
    // The size again: another thread may have changed the image before we took it.
    guard unsafe recent.pointee.spareSize == size, header.fits(file.object) else {
      unsafe omega_publish(&recent.pointee.spare, memory)
      return nil
    }
    header.identifier = reserveIdentifier(Object.kind)
    let isRenewed =
      Object.clean(file.object) && file.object.renew(LinuxHost()) { header[$0] }
    if isRenewed && linkSpare(file) { return file }
    reserved = isRenewed ? file.identifier : header.identifier
    dropSpareName(Object.kind, inode: file.inode)
    unmapImage(file.object)
    return nil
  }

  /// Gives the renewed image its name by index, perhaps with a later identifier.
  @inline(never)
  private func linkSpare<Object>(_ file: ImageFile<Object>) -> Bool {
    let kind = Object.kind
    var spare = unsafe Path(path, spare: spareSlot(kind))
    for taken in 1...64 {
      let index = Int(file.identifier) & 0x7FFF
      var name = unsafe Path(path, kind, index: index)
      let linked = unsafe spare.withText { spare in
        unsafe name.withText { unsafe Kernel.linkItself(spare, $0) }
      }
      if linked == 0 {
        if lookUp(kind, index: index)?.inode == file.inode { return true }
        // Somebody has put another file in the spare one's place.
        _ = unsafe name.withText { unsafe Kernel.unlink($0) }
        unsafe recent(kind).pointee.spareInode = 0
        return false
      }
      guard linked == -17 else { return false }
      reapUnfinished(Object.self, index: index)
      let next = reserveIdentifier(kind, taken: taken)
      file.object.image.store(UInt64(UInt32(bitPattern: next)), Header.identifier)
    }
    return false
  }
}

extension NewHeader {
  /// Whether an object's file has the owner and the mode that a new one with this header would have.
  fileprivate func fits<Object: IPCObject>(_ object: Object) -> Bool {
    let old = object.permissions
    return claims == .memory && old.uid == old.cuid && old.gid == old.cgid
      && UInt64(old.uid) == self[Header.uid] && UInt64(old.gid) == self[Header.gid]
      && Namespace.fileMode(old.mode) == Namespace.fileMode(mode)
  }
}
