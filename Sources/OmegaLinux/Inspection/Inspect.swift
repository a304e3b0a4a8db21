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

  /// Shows a whole queue at one instant (`MessageQueue.inspect`). Errors as `inspect`.
  public func inspectQueue(
    _ identifier: Int32, message: (Int64, Int) -> Void, sleeper: (MessageSleeper) -> Void
  ) throws(Errno) -> QueueStatus {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier, MessageQueue.self)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    return try unsafe handle.pointee.object.inspect(
      LinuxHost(), message: message, sleeper: sleeper)
  }

  /// The queue's status (IPC_STAT). Throws as `inspect`.
  public func queueStatus(identifier: Int32) throws(Errno) -> QueueStatus {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier, MessageQueue.self)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    return try unsafe handle.pointee.object.status(LinuxHost())
  }

  /// Shows who has a segment attached (`SharedSegment.inspect`). Errors as `inspect`.
  public func inspectSegment(
    _ identifier: Int32, _ process: (AttachedProcess) -> Void
  ) throws(Errno) -> SegmentStatus {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier, SharedSegment.self)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let segment = unsafe handle.pointee.object
    return try unsafe there(handle) { () throws(Errno) in
      try segment.inspect(LinuxHost(), process)
    }
  }

  private func segmentCensus() -> Census {
    sweep(.now)
    return census(SharedSegment.self)
  }

  /// What the directory holds now of a kind: objects, and semaphores or pages in them (SEM_INFO).
  public func usage(of kind: ObjectKind) -> (objects: Int, units: Int) {
    let census =
      switch kind {
      case .semaphores: census(SemaphoreSet.self)
      case .queues: census(MessageQueue.self)
      case .segments: segmentCensus()
      }
    return (census.objects, census.units)
  }
}
