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
    var host = LinuxHost()
    let lock = omega_lock_attachments(host.tid)
    defer { omega_unlock_attachments(lock) }
    host.isQuiet = true
    let list = try AttachmentList.make()
    Namespace.followForks()
    Namespace.countInherited(list, host)
    try list.ensureRoom()
    let memory = try unsafe AttachedMemory.map(self, handle, wish)
    do throws(Errno) {
      try unsafe Namespace.count(handle, host)
    } catch {
      memory.unmapAll()
      if error != .identifierRemoved { throw error }
      // Marked for removal, and its last user died: it is gone, for us as for the kernel.
      unsafe endIfLeft(handle)
      throw .invalid
    }
    let number = list.nextNumber()
    let piece = unsafe Attachment(
      base: memory.address, start: memory.address, byteCount: memory.byteCount, handle: handle,
      namespace: self, number: number)
    unsafe list.add(piece)
    if wish.replaces { unsafe Namespace.cover(list, piece, host) }
    return memory.address
  }

  /// Counts an attachment in the segment.
  private static func count(
    _ handle: ObjectHandle<SharedSegment>, _ host: LinuxHost
  ) throws(Errno) {
    // SAFETY: the handle is entered; its words of membership change under the lock of attachments.
    let segment = unsafe handle.pointee.object
    let isOurs = unsafe handle.pointee.memberPid == host.pid
    let known = isOurs ? Int(unsafe handle.pointee.member) : -1
    let slot = try segment.attach(host, known: known)
    unsafe remember(handle, slot: slot, host)
  }

  static func remember(
    _ handle: ObjectHandle<SharedSegment>, slot: Int, _ host: LinuxHost
  ) {
    // SAFETY: as above.
    let isKnown = unsafe handle.pointee.memberPid == host.pid && handle.pointee.member == slot
    if !isKnown { unsafe handle.pointee.armedBy = 0 }
    unsafe handle.pointee.member = Int32(slot)
    unsafe handle.pointee.memberPid = host.pid
    if unsafe slot >= 0 && handle.pointee.object.isArmed(slot, by: host.tid) {
      unsafe handle.pointee.armedBy = host.tid
    }
  }

  // MARK: Covering

  /// SHM_REMAP has put `new` over pieces of others, which the kernel cuts as munmap does: it counts the
  /// rests, then takes away what was cut out.
  private static func cover(_ list: AttachmentList, _ new: Attachment, _ host: LinuxHost) {
    unsafe list.visit { index, piece in
      // SAFETY: an entry in use, under the lock.
      guard unsafe piece.number != new.number, unsafe piece.start < new.end,
        unsafe new.start < piece.end
      else { return }
      unsafe cut(list, index, piece, from: new.start, to: new.end, host)
    }
  }

  private static func cut(
    _ list: AttachmentList, _ index: Int, _ piece: Attachment, from: UInt, to: UInt,
    _ host: LinuxHost
  ) {
    // SAFETY: as above; the handle of a rest is entered once more.
    let before = unsafe from > piece.start ? Int(from - piece.start) : 0
    let behind = unsafe piece.end > to ? Int(piece.end - to) : 0
    if before == 0 && behind == 0 { return unsafe detach(list, index, piece, host) }
    var rest = unsafe piece
    if before > 0 {
      unsafe rest.byteCount = before
    } else {
      unsafe rest.start = to
      unsafe rest.byteCount = behind
    }
    unsafe list.change(at: index, to: rest)
    try? unsafe count(piece.handle, host)
    if before > 0 && behind > 0 {
      unsafe rest.start = to
      unsafe rest.byteCount = behind
      unsafe Handle<SharedSegment>.addUser(rest.handle, 1)
      unsafe list.add(rest)
      try? unsafe count(piece.handle, host)
    }
    unsafe uncount(piece, host)
  }

  // MARK: Detaching

  /// `shmdt` (shmdt(2)): 0 or a negative errno. Of the process, whatever the namespace.
  public static func detachSegment(_ address: UInt) -> Int32 {
    var host = LinuxHost()
    let lock = omega_lock_attachments(host.tid)
    defer { omega_unlock_attachments(lock) }
    host.isQuiet = true
    guard let list = AttachmentList.ofProcess, let number = list.number(at: address) else {
      return -22
    }
    countInherited(list, host)
    var isUnmapped = false
    unsafe list.visit { index, piece in
      guard unsafe piece.number == number else { return }
      // SAFETY: an entry in use, under the lock; its handle is entered.
      if unsafe AttachedMemory.unmap(piece) { isUnmapped = true }
      unsafe detach(list, index, piece, host)
    }
    // Nothing was left of it: the kernel had detached it then.
    return isUnmapped ? 0 : -22
  }

  /// Takes a piece out of the list and the segment.
  private static func detach(
    _ list: AttachmentList, _ index: Int, _ piece: Attachment, _ host: LinuxHost
  ) {
    // SAFETY: an entry in use, under the lock; its handle is entered until here.
    list.remove(at: index)
    unsafe uncount(piece, host)
    unsafe piece.namespace.leave(piece.handle)
  }

  /// Counts an attachment less in the segment, which may end with it.
  private static func uncount(_ piece: Attachment, _ host: LinuxHost) {
    // SAFETY: as above.
    let handle = unsafe piece.handle
    let slot = unsafe handle.pointee.memberPid == host.pid ? Int(handle.pointee.member) : -1
    if (try? unsafe handle.pointee.object.detach(host, slot: slot)) == .ends {
      unsafe piece.namespace.endIfLeft(handle)
    }
  }
}
