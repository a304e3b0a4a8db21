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
      if SetState.of(set.stateWord) == SetState.live { return unsafe handle }
      unsafe retire(handle)
      unsafe leave(handle)
    }
    return unsafe try openHandle(identifier)
  }

  @inline(never)
  private func openHandle(_ identifier: Int32) throws(Errno) -> HandlePointer {
    guard identifier >= 0 else { throw .invalid }
    _ = LinuxHost()  // Makes the process known, so that its lock exists.
    let index = Int(identifier) & 0x7FFF
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, .semaphores, index: index)
    guard let file = unsafe name.withText({ unsafe ImageFile.open($0) }) else {
      // There, but not for us?
      if let known = lookUp(.semaphores, index: index), known.size > 0 { throw .accessDenied }
      throw .invalid
    }
    let isLive = SetState.of(file.set.stateWord) == SetState.live
    if !isLive { finishRemoval(file) }
    guard isLive, file.identifier == identifier, !isUnfinished(file) else {
      file.unmap()
      throw .invalid
    }
    return unsafe try publish(file, index: index)
  }

  /// Puts a mapping into the table, unless another thread was quicker.
  private func publish(_ file: ImageFile, index: Int) throws(Errno) -> HandlePointer {
    let token = omega_lock_process()
    // SAFETY: under the process's lock.
    let entry = unsafe state.pointee.table + index
    if let other = unsafe entry.pointee {
      if unsafe other.pointee.tag == UInt32(bitPattern: file.identifier) &+ 1 {
        unsafe Handle.addUser(other, 1)
        omega_unlock_process(token)
        file.unmap()
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
      file.unmap()
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
      var name = unsafe Path(path, .semaphores, index: index)
      if unsafe name.withText({ unsafe Kernel.unlink($0) }) == 0 {
        countSet(semaphores: set.layout.semaphoreCount, -1)
      }
    }
  }

  /// A removal that its process did not live to finish.
  func finishRemoval(_ file: ImageFile) {
    try? file.set.remove(LinuxHost()) { unlinkNames(file.set, inode: file.inode) }
  }
}
