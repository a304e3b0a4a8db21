import COmegaLinux
import OmegaEngine

extension Namespace {
  /// The entered handle of a set, see below.
  @inline(__always)
  func handle(_ identifier: Int32) throws(Errno) -> HandlePointer {
    unsafe try handle(identifier, SemaphoreSet.self)
  }

  func handle(index: Int) throws(Errno) -> HandlePointer {
    unsafe try handle(index: index, SemaphoreSet.self)
  }

  /// The entered handle of an identifier. Throws EINVAL when no such object exists, EACCES when its file
  /// may not be opened, ENOMEM when it cannot be mapped.
  @inline(__always)
  func handle<Object>(
    _ identifier: Int32, _ kind: Object.Type
  ) throws(Errno) -> ObjectHandle<Object> {
    if let handle = unsafe enter(identifier, kind) {
      // SAFETY: entered.
      let object = unsafe handle.pointee.object
      if ObjectState.of(object.stateWord) == ObjectState.live || object.isLiveAfterAll(LinuxHost())
      {
        return unsafe handle
      }
      unsafe retire(handle)
      unsafe leave(handle)
    }
    guard identifier >= 0 else { throw .invalid }
    return unsafe try openHandle(index: Int(identifier) & 0x7FFF, identifier)
  }

  /// The entered handle of the object at an index, whatever its identifier (SEM_STAT). Throws as above.
  func handle<Object>(
    index: Int, _ kind: Object.Type
  ) throws(Errno) -> ObjectHandle<Object> {
    // SAFETY: the table has an entry for every index, and handles are never freed.
    if let known = unsafe Object.table(state)[index],
      let handle = unsafe enter(Int32(bitPattern: known.pointee.tag &- 1), kind)
    {
      if ObjectState.of(unsafe handle.pointee.object.stateWord) == ObjectState.live {
        return unsafe handle
      }
      unsafe leave(handle)
    }
    return unsafe try openHandle(index: index, nil)
  }

  @inline(never)
  private func openHandle<Object>(
    index: Int, _ identifier: Int32?
  ) throws(Errno) -> ObjectHandle<Object> {
    _ = LinuxHost()  // Makes the process known, so that its lock exists.
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, Object.kind, index: index)
    let file: ImageFile<Object>
    do throws(Errno) {
      file = try unsafe name.withText { path throws(Errno) in
        try unsafe ImageFile<Object>.opened(path) { unsafe mapImage($0, $1) }
      }
    } catch {
      if error == .noMemory { throw error }
      // There, but not for us?
      guard let known = lookUp(Object.kind, index: index), known.size > 0 else { throw .invalid }
      if let identifier, let status = publicStatus(Object.kind, index: index),
        status.identifier != identifier
      {
        throw .invalid
      }
      throw .accessDenied
    }
    let isLive =
      ObjectState.of(file.object.stateWord) == ObjectState.live
      || file.object.isLiveAfterAll(LinuxHost())
    // A state that is none of ours is damage: it is not taken for a removal.
    if ObjectState.of(file.object.stateWord) == ObjectState.removed { finishRemoval(file) }
    let isWanted =
      file.identifier == identifier
      || identifier == nil && file.identifier >= 0 && Int(file.identifier) & 0x7FFF == index
    guard isLive, isWanted, !isUnfinished(file) else {
      unmapImage(file.object)
      throw .invalid
    }
    return unsafe try publish(file, index: index)
  }

  /// Puts a mapping into the table, unless another thread was quicker.
  func publish<Object>(
    _ file: ImageFile<Object>, index: Int
  ) throws(Errno) -> ObjectHandle<Object> {
    let token = omega_lock_process()
    // SAFETY: under the process's lock.
    let entry = unsafe Object.table(state) + index
    if let other = unsafe entry.pointee {
      if unsafe other.pointee.tag == UInt32(bitPattern: file.identifier) &+ 1 {
        unsafe Handle<Object>.addUser(other, 1)
        omega_unlock_process(token)
        unmapImage(file.object)
        return unsafe other
      }
      // The index was used by an object that is gone.
      unsafe Handle<Object>.addUser(other, 1)
      omega_unlock_process(token)
      unsafe retire(other)
      unsafe leave(other)
      return unsafe try publish(file, index: index)
    }
    guard let handle = unsafe newHandle(Object.self) else {
      omega_unlock_process(token)
      unmapImage(file.object)
      throw .noMemory
    }
    unsafe handle.initialize(to: Handle(inode: file.inode, object: file.object))
    unsafe handle.pointee.users = 1
    unsafe handle.pointee.tag = UInt32(bitPattern: file.identifier) &+ 1
    // Release: whoever finds the handle finds it filled in.
    unsafe omega_publish(entry, handle)
    omega_unlock_process(token)
    return unsafe handle
  }

  /// It has a key in its header, but the key's link does not name it (yet).
  func isUnfinished<Object>(_ file: ImageFile<Object>) -> Bool {
    if file.key == privateKey { return false }
    return lookUp(Object.kind, key: file.key)?.identifier != file.identifier
  }

  /// Removes the names of an object that is marked removed, if they still are its own. Only under its lock.
  func unlinkNames<Object: StoredObject>(_ object: Object, inode: UInt64) {
    let identifier = object.identifier
    let key = object.key
    if key != privateKey { unlinkKey(Object.kind, key, identifier) }
    let index = Int(identifier) & 0x7FFF
    // SAFETY: the namespace's path lives as long as the process.
    if lookUp(Object.kind, index: index)?.inode == inode {
      withdrawStatus(Object.kind, identifier)
      Object.willUnlink(self, object, inode: inode, index: index)
      var name = unsafe Path(path, Object.kind, index: index)
      if unsafe name.withText({ unsafe Kernel.unlink($0) }) == 0 {
        let size = Int(truncatingIfNeeded: object.image.load(Header.parameter))
        countObject(Object.kind, units: Object.units(size: size), -1)
      }
    }
  }

  /// Removes the key's link if it is this object's. Only under its lock.
  func unlinkKey(_ kind: ObjectKind, _ key: Int32, _ identifier: Int32) {
    guard lookUp(kind, key: key)?.identifier == identifier else { return }
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, kind, key: key)
    _ = unsafe name.withText { unsafe Kernel.unlink($0) }
  }

  /// A removal that its process did not live to finish.
  func finishRemoval<Object>(_ file: ImageFile<Object>) {
    file.object.finishRemoval(LinuxHost()) { unlinkNames(file.object, inode: file.inode) }
  }
}
