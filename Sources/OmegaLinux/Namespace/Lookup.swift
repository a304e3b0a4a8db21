import COmegaLinux
import OmegaEngine

extension Namespace {
  /// The entered handle of an identifier. Throws EINVAL when no such set exists, EACCES when its file
  /// may not be opened, ENOMEM when it cannot be mapped.
  @inline(__always)
  func handle(_ identifier: Int32) throws(Errno) -> HandlePointer {
    if let handle = unsafe enter(identifier) {
      // SAFETY: entered.
      let set = unsafe handle.pointee.set
      if SetState.of(set.stateWord) == SetState.live || set.isLiveAfterAll(LinuxHost()) {
        return unsafe handle
      }
      unsafe retire(handle)
      unsafe leave(handle)
    }
    guard identifier >= 0 else { throw .invalid }
    return unsafe try openHandle(index: Int(identifier) & 0x7FFF, identifier)
  }

  /// The entered handle of the set at an index, whatever its identifier (SEM_STAT). Throws as above.
  func handle(index: Int) throws(Errno) -> HandlePointer {
    // SAFETY: the table has an entry for every index, and handles are never freed.
    if let known = unsafe state.pointee.table[index],
      let handle = unsafe enter(Int32(bitPattern: known.pointee.tag &- 1))
    {
      if SetState.of(unsafe handle.pointee.set.stateWord) == SetState.live { return unsafe handle }
      unsafe leave(handle)
    }
    return unsafe try openHandle(index: index, nil)
  }

  @inline(never)
  private func openHandle(index: Int, _ identifier: Int32?) throws(Errno) -> HandlePointer {
    _ = LinuxHost()  // Makes the process known, so that its lock exists.
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, .semaphores, index: index)
    let file: ImageFile
    do throws(Errno) {
      file = try unsafe name.withText { path throws(Errno) in
        try unsafe ImageFile.opened(path) { unsafe mapImage($0, $1) }
      }
    } catch {
      if error == .noMemory { throw error }
      // There, but not for us?
      guard let known = lookUp(.semaphores, index: index), known.size > 0 else { throw .invalid }
      if let identifier, let status = publicStatus(index: index),
        status.identifier != identifier
      {
        throw .invalid
      }
      throw .accessDenied
    }
    let isLive =
      SetState.of(file.set.stateWord) == SetState.live || file.set.isLiveAfterAll(LinuxHost())
    // A state that is none of ours is damage: it is not taken for a removal.
    if SetState.of(file.set.stateWord) == SetState.removed { finishRemoval(file) }
    let isWanted =
      file.identifier == identifier
      || identifier == nil && file.identifier >= 0 && Int(file.identifier) & 0x7FFF == index
    guard isLive, isWanted, !isUnfinished(file) else {
      unmapImage(file.set)
      throw .invalid
    }
    return unsafe try publish(file, index: index)
  }

  /// Puts a mapping into the table, unless another thread was quicker.
  func publish(_ file: ImageFile, index: Int) throws(Errno) -> HandlePointer {
    let token = omega_lock_process()
    // SAFETY: under the process's lock.
    let entry = unsafe state.pointee.table + index
    if let other = unsafe entry.pointee {
      if unsafe other.pointee.tag == UInt32(bitPattern: file.identifier) &+ 1 {
        unsafe Handle.addUser(other, 1)
        omega_unlock_process(token)
        unmapImage(file.set)
        return unsafe other
      }
      // The index was used by a set that is gone.
      unsafe Handle.addUser(other, 1)
      omega_unlock_process(token)
      unsafe retire(other)
      unsafe leave(other)
      return unsafe try publish(file, index: index)
    }
    guard let handle = unsafe newHandle() else {
      omega_unlock_process(token)
      unmapImage(file.set)
      throw .noMemory
    }
    unsafe handle.initialize(to: Handle(inode: file.inode, set: file.set))
    unsafe handle.pointee.users = 1
    unsafe handle.pointee.tag = UInt32(bitPattern: file.identifier) &+ 1
    // Release: whoever finds the handle finds it filled in.
    unsafe omega_publish(entry, handle)
    omega_unlock_process(token)
    return unsafe handle
  }

  /// It has a key in its header, but the key's link does not name it (yet).
  func isUnfinished(_ file: ImageFile) -> Bool {
    if file.key == privateKey { return false }
    return lookUp(.semaphores, key: file.key)?.identifier != file.identifier
  }

  /// Removes the names of a set that is marked removed, if they still are its own. Only under its lock.
  func unlinkNames(_ set: SemaphoreSet, inode: UInt64) {
    let identifier = Int32(truncatingIfNeeded: set.image.load(Header.identifier))
    let key = Int32(truncatingIfNeeded: set.image.load(Header.key))
    // SAFETY: the namespace's path lives as long as the process.
    if key != privateKey, lookUp(.semaphores, key: key)?.identifier == identifier {
      var name = unsafe Path(path, .semaphores, key: key)
      _ = unsafe name.withText { unsafe Kernel.unlink($0) }
    }
    let index = Int(identifier) & 0x7FFF
    if lookUp(.semaphores, index: index)?.inode == inode {
      withdrawStatus(identifier)
      giveSpareName(set, inode: inode, index: index)
      var name = unsafe Path(path, .semaphores, index: index)
      if unsafe name.withText({ unsafe Kernel.unlink($0) }) == 0 {
        countSet(semaphores: set.layout.semaphoreCount, -1)
      }
    }
  }

  /// A removal that its process did not live to finish.
  func finishRemoval(_ file: ImageFile) {
    file.set.finishRemoval(LinuxHost()) { unlinkNames(file.set, inode: file.inode) }
  }
}
