import COmegaLinux
import OmegaEngine

// What semget, msgget and shmget have in common.
extension Namespace {
  /// The identifier of the object with a key, made by `create` if it is asked for (semantics B0.4). An
  /// existing one must have at least the size; `create` may throw EEXIST when somebody was quicker.
  func get<Object: StoredObject>(
    _ kind: Object.Type, key: Int32, size: Int, flags: Int32,
    _ create: () throws(Errno) -> Int32
  ) throws(Errno) -> Int32 {
    if key == privateKey { return try create() }
    // Others create and remove the same key meanwhile; each turn has seen one such change.
    for _ in 0..<100 {
      if let known = lookUp(Object.kind, key: key) {
        if let identifier = try existing(kind, key, known, size: size, flags: flags) {
          return identifier
        }
      } else {
        if flags & Flag.create == 0 { throw .noEntry }
        do throws(Errno) {
          return try create()
        } catch  where error == .exists {
          continue
        }
      }
    }
    // A file that is no object of ours stands at the key's name.
    throw flags & Flag.create != 0 ? .exists : .accessDenied
  }

  /// The identifier of the object that has the key; nil when it is gone by now.
  private func existing<Object: StoredObject>(
    _ kind: Object.Type, _ key: Int32, _ known: KeyLink, size: Int, flags: Int32
  ) throws(Errno) -> Int32? {
    let wanted = Permissions.wanted(flags)
    let exclusive = flags & Flag.create != 0 && flags & Flag.exclusive != 0
    var isTooSmall = false
    do throws(Errno) {
      let handle = unsafe try handle(known.identifier, kind)
      defer { unsafe leave(handle) }
      // SAFETY: the handle is entered.
      let object = unsafe handle.pointee.object
      // A segment marked for removal has lost its key.
      if object.key != key { throw .invalid }
      if exclusive { throw .exists }
      isTooSmall = size > Object.size(of: object)
      if isTooSmall { throw .invalid }
      if wanted != 0 { try unsafe authorize(handle, wanted & Object.meaningfulBits) }
      return known.identifier
    } catch  where error == .invalid && !isTooSmall {
      // Removed; opening it has finished the removal if need be. Or a link without its object.
      dropStaleLink(kind, key, known)
      return nil
    } catch  where error == .accessDenied {
      if exclusive { throw .exists }
      if size > known.size { throw .invalid }
      if wanted == 0 { return known.identifier }
      // The file has one owner and one group, the object an owner and a creator: it may grant what the
      // file refuses.
      guard let status = publicStatus(Object.kind, index: Int(known.identifier) & 0x7FFF),
        Credentials().granted(status.permissions) & wanted & Object.meaningfulBits == wanted
          & Object.meaningfulBits
      else { throw error }
      return known.identifier
    }
  }

  /// Removes a link whose object is gone: its remover died between the two names.
  private func dropStaleLink<Object: StoredObject>(
    _ kind: Object.Type, _ key: Int32, _ known: KeyLink
  ) {
    let index = Int(known.identifier) & 0x7FFF
    // SAFETY: the namespace's path lives as long as the process.
    var image = unsafe Path(path, Object.kind, index: index)
    let file = unsafe image.withText { unsafe ImageFile<Object>.open($0) }
    defer { file?.unmap() }
    if file?.identifier == known.identifier && file?.key == key { return }
    guard file != nil || lookUp(Object.kind, index: index) == nil else { return }
    var name = unsafe Path(path, Object.kind, key: key)
    if lookUp(Object.kind, key: key) == known {
      _ = unsafe name.withText { unsafe Kernel.unlink($0) }
    }
  }
}
