import COmegaLinux
import OmegaEngine

extension Namespace {
  /// `shmat` (shmat(2)): the address, or a negative errno.
  public func attachSegment(_ identifier: Int32, _ address: UInt, _ flags: Int32) -> Int {
    do throws(Errno) {
      let wish = try Namespace.wish(identifier, address, flags)
      let handle = unsafe try handle(identifier, SharedSegment.self)
      do throws(Errno) {
        try unsafe authorize(handle, wish.permissions)
        return Int(bitPattern: try unsafe attach(handle, wish))
      } catch {
        unsafe leave(handle)
        throw error
      }
    } catch {
      return -Int(error.rawValue)
    }
  }

  /// Arguments in Linux's order (do_shmat in ipc/shm.c).
  private static func wish(
    _ identifier: Int32, _ address: UInt, _ flags: Int32
  ) throws(Errno) -> AttachedMemory.Wish {
    if identifier < 0 { throw .invalid }
    var wish = AttachedMemory.Wish(address: address, flags: flags)
    if address % 4096 != 0 {
      if flags & SegmentCallFlag.round == 0 { throw .invalid }
      wish.address = address - address % 4096
    }
    if wish.address == 0 && wish.replaces { throw .invalid }
    return wish
  }

  /// Maps and counts; the handle stays entered for as long as the attachment lasts.
  private func attach(
    _ handle: ObjectHandle<SharedSegment>, _ wish: AttachedMemory.Wish
  ) throws(Errno) -> UInt {
    let host = LinuxHost()
    let lock = omega_lock_attachments(host.tid)
    defer { omega_unlock_attachments(lock) }
    let list = try AttachmentList.make()
    Namespace.followForks()
    Namespace.countInherited(list, host)
    let place = try list.reserve()
    let memory = try unsafe AttachedMemory.map(self, handle, wish)
    do throws(Errno) {
      try unsafe count(handle, host)
    } catch {
      memory.unmapAll()
      if error != .identifierRemoved { throw error }
      // Marked for removal, and its last user died: it is gone, for us as for the kernel.
      unsafe endIfLeft(handle)
      throw .invalid
    }
    if wish.replaces { Namespace.forgetReplaced(list, memory, host) }
    unsafe list.add(
      at: place, address: memory.address, byteCount: memory.byteCount, handle, self)
    return memory.address
  }

  /// Counts an attachment in the segment.
  private func count(
    _ handle: ObjectHandle<SharedSegment>, _ host: LinuxHost
  ) throws(Errno) {
    // SAFETY: the handle is entered; its words of membership change under the lock of attachments.
    let segment = unsafe handle.pointee.object
    let isOurs = unsafe handle.pointee.memberPid == host.pid
    let known = isOurs ? Int(unsafe handle.pointee.member) : -1
    let slot = try segment.attach(host, known: known)
    unsafe Namespace.remember(handle, slot: slot, host)
  }

  static func remember(
    _ handle: ObjectHandle<SharedSegment>, slot: Int, _ host: LinuxHost
  ) {
    // SAFETY: as above.
    let isKnown = unsafe handle.pointee.memberPid == host.pid && handle.pointee.member == slot
    if !isKnown { unsafe handle.pointee.armedBy = 0 }
    unsafe handle.pointee.member = Int32(slot)
    unsafe handle.pointee.memberPid = host.pid
    if unsafe handle.pointee.object.isArmed(slot, by: host.tid) {
      unsafe handle.pointee.armedBy = host.tid
    }
  }

  /// Attachments that SHM_REMAP has covered wholly are detached.
  private static func forgetReplaced(
    _ list: AttachmentList, _ memory: AttachedMemory, _ host: LinuxHost
  ) {
    unsafe list.visit { index, entry in
      // SAFETY: an entry in use, under the lock.
      let isCovered =
        unsafe entry.address >= memory.address
        && entry.address + UInt(entry.byteCount) <= memory.address + UInt(memory.byteCount)
      if isCovered { unsafe detach(list, index, entry, host) }
    }
  }

  // MARK: Detaching

  /// `shmdt` (shmdt(2)): 0 or a negative errno. Of the process, whatever the namespace.
  public static func detachSegment(_ address: UInt) -> Int32 {
    let host = LinuxHost()
    let lock = omega_lock_attachments(host.tid)
    defer { omega_unlock_attachments(lock) }
    guard let list = AttachmentList.ofProcess, let index = list.find(address) else { return -22 }
    countInherited(list, host)
    // SAFETY: an entry in use, under the lock; its handle is entered.
    let entry = unsafe list[index]
    guard let handle = unsafe entry.handle else { return -22 }
    let memory = AttachedMemory(address: address, byteCount: unsafe entry.byteCount)
    let isUnmapped = memory.unmap(unsafe handle.pointee.object)
    unsafe detach(list, index, entry, host)
    // Nothing was left of it: the kernel had detached it then.
    return isUnmapped ? 0 : -22
  }

  /// Takes an attachment out of the list and the segment.
  private static func detach(
    _ list: AttachmentList, _ index: Int, _ entry: Attachment, _ host: LinuxHost
  ) {
    // SAFETY: an entry in use, under the lock; its handle is entered until here.
    guard let handle = unsafe entry.handle, let state = unsafe entry.namespace else { return }
    let namespace = unsafe Namespace(state)
    list.remove(at: index)
    let slot = unsafe handle.pointee.memberPid == host.pid ? Int(handle.pointee.member) : -1
    if (try? unsafe handle.pointee.object.detach(host, slot: slot)) == .ends {
      unsafe namespace.endIfLeft(handle)
    }
    unsafe namespace.leave(handle)
  }
}
