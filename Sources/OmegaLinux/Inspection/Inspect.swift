import COmegaLinux
import OmegaEngine

extension Namespace {
  /// Shows a whole set at one instant (`SemaphoreSet.inspect`). Needs read permission, as GETALL
  /// does.
  ///
  /// Throws EINVAL when there is no such set, EACCES, EIDRM when it goes away meanwhile.
  public func inspect(
    _ identifier: Int32, semaphore: (Int, SemaphoreWord) -> Void, sleeper: (Sleeper) -> Void,
    holder: (Holder) -> Void
  ) throws(Errno) -> SetStatus {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    return try set.inspect(LinuxHost(), semaphore: semaphore, sleeper: sleeper, holder: holder)
  }

  /// The set's status, settled (IPC_STAT). Throws as `inspect`.
  public func status(_ identifier: Int32) throws(Errno) -> SetStatus {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    return try unsafe handle.pointee.set.status(LinuxHost())
  }

  /// What the directory holds now: sets and semaphores (SEM_INFO).
  public func usage() -> (sets: Int, semaphores: Int) {
    let census = census(SemaphoreSet.self)
    return (census.objects, census.units)
  }
}
