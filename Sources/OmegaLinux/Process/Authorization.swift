import COmegaLinux
import OmegaEngine

extension Namespace {
  /// Throws EACCES unless the process has the bits (`Permissions.read`, `.alter`) on the object. The
  /// answer is kept until the object's permissions or the process's credentials change.
  func authorize<Object>(_ handle: ObjectHandle<Object>, _ wanted: UInt32) throws(Errno) {
    // SAFETY: the handle is entered. Two threads that decide at once decide alike.
    let object = unsafe handle.pointee.object
    let state = object.stateWord
    let generation = omega_credentials()
    if unsafe handle.pointee.state != state || handle.pointee.generation != generation {
      let granted = Credentials().granted(object.permissions)
      unsafe handle.pointee.granted = granted
      unsafe handle.pointee.generation = generation
      // A removal since the look-up must not be kept: the fast calls would take the object for a live
      // one. Its lock's owner tells whether it stays removed.
      if ObjectState.of(state) == ObjectState.live {
        unsafe withUnsafeMutablePointer(to: &handle.pointee.state) {
          unsafe omega_store_state($0, state)
        }
      }
    }
    if unsafe handle.pointee.granted & wanted != wanted { throw .accessDenied }
  }

  /// Applies the process's undo records now: what unshare(CLONE_SYSVSEM) and CLONE_NEWIPC do when no
  /// other thread shares them. Looks at every set, for the records may stem from before an exec.
  public func applyUndoNow() {
    let host = LinuxHost()
    forEachIndex(.semaphores) { index in
      // SAFETY: entered before use.
      guard let handle = unsafe try? handle(index: index) else { return }
      try? unsafe handle.pointee.set.leaveMember(host)
      if unsafe handle.pointee.memberPid == host.pid {
        unsafe handle.pointee.hasRecord = 0
      }
      unsafe leave(handle)
    }
  }

  /// Makes sure that the process has a member slot, armed, with an undo record if it needs one.
  func claim<Object>(
    _ handle: ObjectHandle<Object>, _ host: LinuxHost, _ use: MemberUse
  ) throws(Errno) {
    // SAFETY: the handle is entered. Two threads that claim at once find the same slot.
    let object = unsafe handle.pointee.object
    let isOurs = unsafe handle.pointee.memberPid == host.pid
    let hasRecord = unsafe handle.pointee.hasRecord != 0
    if isOurs && object.isArmed(Int(unsafe handle.pointee.member))
      && (use == .sleeping || hasRecord)
    {
      return
    }
    let known = isOurs ? Int(unsafe handle.pointee.member) : -1
    let slot = try object.claimMember(host, known: known, undo: use)
    if !isOurs {
      unsafe handle.pointee.hasRecord = 0
      unsafe handle.pointee.undoBusy = 0
      unsafe handle.pointee.armedBy = 0
    }
    unsafe handle.pointee.member = Int32(slot)
    if use == .undo { unsafe handle.pointee.hasRecord = 1 }
    if object.isArmed(slot, by: host.tid) { unsafe handle.pointee.armedBy = host.tid }
    // Last: the fast path takes the words above for ours when it sees our pid.
    unsafe withUnsafeMutablePointer(to: &handle.pointee.memberPid) {
      unsafe omega_store_pid($0, host.pid)
    }
  }
}
