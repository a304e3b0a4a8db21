import COmegaLinux
import OmegaEngine

// The control calls with a buffer, for Swift: values in and out by closures. Errors as semctl's.

extension Namespace {
  /// GETALL: calls `body` with each index and word, in order, at one instant.
  ///
  /// `body` runs inside the set's section with signals blocked: it only takes notes.
  public func readAll(
    _ identifier: Int32, _ body: (Int, SemaphoreWord) -> Void
  ) throws(Errno) {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    try set.snapshot(LinuxHost()) { set in
      for index in 0..<set.layout.semaphoreCount { body(index, set.word(index)) }
    }
  }

  /// SETALL: `value` gives 0…32767 for each of `count` indices. Throws EINVAL when that is not the
  /// set's number of semaphores, ERANGE for another value.
  public func writeAll(
    _ identifier: Int32, count: Int, _ value: (Int) -> Int
  ) throws(Errno) {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.alter)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    guard count == set.layout.semaphoreCount else { throw .invalid }
    for index in 0..<count where value(index) < 0 || value(index) > Limit.semaphoreValue {
      throw .outOfRange
    }
    try set.setAll(LinuxHost(), value)
  }

  /// IPC_SET.
  public func setOwner(_ identifier: Int32, uid: UInt32, gid: UInt32, mode: UInt32) -> Int32 {
    var buffer = InlineArray<256, UInt8>(repeating: 0)
    // SAFETY: the buffer is larger than `struct semid_ds` and outlives the call.
    return unsafe withUnsafeMutablePointer(to: &buffer) { out in
      let out = UnsafeMutableRawPointer(out)
      unsafe Namespace.store(uid: uid, gid: gid, mode: mode, out)
      return control(identifier, 0, Command.set, UInt(bitPattern: out))
    }
  }

  /// The number of semaphores of a set that this process may open.
  public func semaphoreCount(_ identifier: Int32) throws(Errno) -> Int {
    guard identifier >= 0 else { throw .invalid }
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    // SAFETY: the handle is entered.
    return unsafe handle.pointee.set.layout.semaphoreCount
  }
}
