import COmegaLinux
import OmegaEngine

extension Namespace {
  /// `semget` (semget(2)): the identifier, or a negative errno.
  public func getSet(key: Int32, semaphoreCount: Int32, flags: Int32) -> Int32 {
    do throws(Errno) {
      return try get(key: key, count: Int(semaphoreCount), flags: flags)
    } catch {
      return -error.rawValue
    }
  }

  private func get(key: Int32, count: Int, flags: Int32) throws(Errno) -> Int32 {
    if count < 0 || count > limits.semaphoresPerSet { throw .invalid }
    let mode = UInt32(bitPattern: flags) & 0o777
    if key == privateKey {
      if count == 0 { throw .invalid }
      return try create(key: key, semaphoreCount: count, mode: mode)
    }
    // Others create and remove the same key meanwhile; each turn has seen one such change.
    for _ in 0..<100 {
      if let known = lookUp(.semaphores, key: key) {
        if let identifier = try existing(key, known, count: count, flags: flags) {
          return identifier
        }
      } else {
        if flags & Flag.create == 0 { throw .noEntry }
        if count == 0 { throw .invalid }
        do throws(Errno) {
          return try create(key: key, semaphoreCount: count, mode: mode)
        } catch  where error == .exists {
          continue
        }
      }
    }
    // A file that is no set of ours stands at the key's name.
    throw flags & Flag.create != 0 ? .exists : .accessDenied
  }

  /// The identifier of the set that has the key; nil when it is gone by now.
  private func existing(
    _ key: Int32, _ known: KeyLink, count: Int, flags: Int32
  ) throws(Errno) -> Int32? {
    let wanted = Permissions.wanted(flags)
    let exclusive = flags & Flag.create != 0 && flags & Flag.exclusive != 0
    var isTooSmall = false
    do throws(Errno) {
      let handle = unsafe try handle(known.identifier)
      defer { unsafe leave(handle) }
      if exclusive { throw .exists }
      // SAFETY: the handle is entered.
      isTooSmall = unsafe count > handle.pointee.set.layout.semaphoreCount
      if isTooSmall { throw .invalid }
      if wanted != 0 { try unsafe authorize(handle, wanted & 0o6) }
      return known.identifier
    } catch  where error == .invalid && !isTooSmall {
      // Removed; opening it has finished the removal if need be. Or a link without its set.
      dropStaleLink(key, known)
      return nil
    } catch  where error == .accessDenied {
      if exclusive { throw .exists }
      if count > known.size { throw .invalid }
      if wanted == 0 { return known.identifier }
      // The file has one owner and one group, the set an owner and a creator: it may grant what the
      // file refuses.
      guard let status = publicSetStatus(index: Int(known.identifier) & 0x7FFF),
        Credentials().granted(status.permissions) & wanted & 0o6 == wanted & 0o6
      else { throw error }
      return known.identifier
    }
  }

  /// Removes a link whose set is gone: its remover died between the two names.
  private func dropStaleLink(_ key: Int32, _ known: KeyLink) {
    let index = Int(known.identifier) & 0x7FFF
    // SAFETY: the namespace's path lives as long as the process.
    var image = unsafe Path(path, .semaphores, index: index)
    let file = unsafe image.withText { unsafe ImageFile<SemaphoreSet>.open($0) }
    defer { file?.unmap() }
    if file?.identifier == known.identifier { return }
    guard file != nil || lookUp(.semaphores, index: index) == nil else { return }
    var name = unsafe Path(path, .semaphores, key: key)
    if lookUp(.semaphores, key: key) == known {
      _ = unsafe name.withText { unsafe Kernel.unlink($0) }
    }
  }
}
