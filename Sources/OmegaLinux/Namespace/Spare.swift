import COmegaLinux
import OmegaEngine

/// A process keeps the image of one small set that it has made and removed, and makes the next one of
/// it (`Renewal.swift`): a name more and a name less, instead of a file and a mapping.
///
/// It begins with the second set that the process removes. Between two sets the image has only the
/// name `spare.0000N`, of which a namespace has eight, chosen by pid: a file must keep one name to be
/// given others. The process that holds it is in the header, as the maker; a later one takes the name
/// over when that process is gone. In shared namespaces only images that never were for anybody but
/// their owner: others might hide that they have mapped them.
extension Namespace {
  // SAFETY: for the whole file: paths and `recent` live as long as the process, and `recent` is
  // changed under the process's lock or by one atomic exchange.
  private var spareSlot: Int { Int(unsafe omega_identity().pointee.pid) & 7 }

  /// Before the image of a removed set loses its name: it becomes the spare one if this process made
  /// it and has none. Only under the set's lock.
  func giveSpareName(_ set: SemaphoreSet, inode: UInt64, index: Int) {
    guard unsafe state.pointee.mayRenew && recent.pointee.spareInode == 0,
      unsafe recent.pointee.hasNoSpareName == 0, mayBeSpare(set), isMaker(of: set)
    else { return }
    let token = omega_lock_process()
    defer { omega_unlock_process(token) }
    guard unsafe recent.pointee.spareInode == 0 else { return }
    if unsafe recent.pointee.hasRemovedBefore == 0 {
      unsafe recent.pointee.hasRemovedBefore = 1
      return
    }
    if linkSpare(index: index) || (takeOverSpareName() && linkSpare(index: index)) {
      unsafe recent.pointee.spareInode = inode
    } else {
      unsafe recent.pointee.hasNoSpareName = 1
    }
  }

  private func mayBeSpare(_ set: SemaphoreSet) -> Bool {
    guard set.isUnshared else { return false }
    // The second generation of permissions: those of the creation, and the removal.
    return !isShared
      || set.stateWord >> 8 == 2 && Namespace.fileMode(set.permissions.mode) == 0o600
  }

  private func isMaker(of set: SemaphoreSet) -> Bool {
    let host = LinuxHost()
    return set.image.load(Header.creator) == UInt64(host.pid)
      && set.image.load(Header.creatorStart) == host.startTime
  }

  @inline(never)
  private func linkSpare(index: Int) -> Bool {
    var name = unsafe Path(path, .semaphores, index: index)
    var spare = unsafe Path(path, spare: spareSlot)
    return unsafe name.withText { name in
      unsafe spare.withText { unsafe Kernel.linkItself(name, $0) == 0 }
    }
  }

  /// Removes the name if the process that held it is gone. (The file may be a set that lives on: it
  /// keeps its name by index.)
  @inline(never)
  private func takeOverSpareName() -> Bool {
    var spare = unsafe Path(path, spare: spareSlot)
    let descriptor = unsafe spare.withText {
      unsafe Kernel.open($0, Open.readOnly | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    }
    guard descriptor >= 0 else { return false }
    defer { Kernel.close(descriptor) }
    var words = InlineArray<16, UInt64>(repeating: 0)
    let length = unsafe withUnsafeMutablePointer(to: &words) { out in
      omega_call(omega_call_read, descriptor, Int(bitPattern: out), 128, 0, 0, 0)
    }
    guard length == 128, words[Header.magic / 8] == SetLayout.magic else { return false }
    let pid = UInt32(truncatingIfNeeded: words[Header.creator / 8])
    let startTime = words[Header.creatorStart / 8]
    let host = LinuxHost()
    // Our own: from before an exec.
    let isOurs = pid == host.pid && startTime == host.startTime
    guard isOurs || host.processIsGone(pid: pid, startTime: startTime) else { return false }
    return unsafe spare.withText { unsafe Kernel.unlink($0) } == 0
  }

  /// Instead of unmapping the image of a removed set: true when it is kept as the spare one. Under the
  /// process's lock, without users.
  func keepSpare(_ handle: HandlePointer) -> Bool {
    guard unsafe recent.pointee.spareInode == handle.pointee.inode else { return false }
    let set = unsafe handle.pointee.set
    guard unsafe handle.pointee.isMaker != 0 && recent.pointee.spare == nil,
      ObjectState.of(set.stateWord) == ObjectState.removed, mayBeSpare(set)
    else {
      dropSpareName(inode: unsafe handle.pointee.inode)
      return false
    }
    unsafe recent.pointee.spareSemaphoreCount = set.layout.semaphoreCount
    unsafe omega_publish(&recent.pointee.spare, set.image.address(0))
    return true
  }

  /// Removes the spare name if it is this file's.
  @inline(never)
  func dropSpareName(inode: UInt64) {
    guard unsafe recent.pointee.spareInode == inode else { return }
    unsafe recent.pointee.spareInode = 0
    var spare = unsafe Path(path, spare: spareSlot)
    _ = unsafe spare.withText { unsafe Kernel.unlink($0) }
  }

  /// Makes a new set of the spare image and gives it its name by index; nil when there is none that
  /// fits. `reserved` gets the identifier that was reserved in vain.
  func createFromSpare(
    _ layout: SetLayout, _ header: inout NewHeader, _ reserved: inout Int32?
  ) -> ImageFile<SemaphoreSet>? {
    guard unsafe recent.pointee.spareSemaphoreCount == layout.semaphoreCount,
      let memory = unsafe omega_take(&recent.pointee.spare)
    else { return nil }
    // From here on the spare image is ours, and nobody else gives the process another one.
    let image = unsafe Image(base: memory, byteCount: layout.byteCount)
    let file = ImageFile(
      object: SemaphoreSet(image: image, layout: layout), inode: unsafe recent.pointee.spareInode)
    // The number again: another thread may have changed the image before we took it.
    guard unsafe recent.pointee.spareSemaphoreCount == layout.semaphoreCount,
      header.fits(file.object)
    else {
      unsafe omega_publish(&recent.pointee.spare, memory)
      return nil
    }
    header.identifier = reserveIdentifier(.semaphores)
    let isRenewed = file.object.renew(LinuxHost()) { header[$0] }
    if isRenewed && linkSpare(file) { return file }
    reserved = isRenewed ? file.identifier : header.identifier
    dropSpareName(inode: file.inode)
    unmapImage(file.object)
    return nil
  }

  /// Gives the renewed image its name by index, perhaps with a later identifier.
  @inline(never)
  private func linkSpare(_ file: ImageFile<SemaphoreSet>) -> Bool {
    var spare = unsafe Path(path, spare: spareSlot)
    for taken in 1...64 {
      let index = Int(file.identifier) & 0x7FFF
      var name = unsafe Path(path, .semaphores, index: index)
      let linked = unsafe spare.withText { spare in
        unsafe name.withText { unsafe Kernel.linkItself(spare, $0) }
      }
      if linked == 0 {
        if lookUp(.semaphores, index: index)?.inode == file.inode { return true }
        // Somebody has put another file in the spare one's place.
        _ = unsafe name.withText { unsafe Kernel.unlink($0) }
        unsafe recent.pointee.spareInode = 0
        return false
      }
      guard linked == -17 else { return false }
      reapUnfinished(SemaphoreSet.self, index: index)
      let next = reserveIdentifier(.semaphores, taken: taken)
      file.object.image.store(UInt64(UInt32(bitPattern: next)), Header.identifier)
    }
    return false
  }
}

extension NewHeader {
  /// Whether a set's file has the owner and the mode that a new one with this header would have.
  fileprivate func fits(_ set: SemaphoreSet) -> Bool {
    let old = set.permissions
    return old.uid == old.cuid && old.gid == old.cgid
      && UInt64(old.uid) == self[Header.uid] && UInt64(old.gid) == self[Header.gid]
      && Namespace.fileMode(old.mode) == Namespace.fileMode(mode)
  }
}
