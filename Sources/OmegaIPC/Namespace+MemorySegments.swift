internal import OmegaEngine
internal import OmegaLinux

extension Namespace {
  /// Makes a memory segment without a key, which only who is told its identifier finds. All its bytes
  /// are 0.
  ///
  /// - Parameters:
  ///   - byteCount: Its size, 1 or above.
  ///   - mode: The low nine bits of a file mode: who may read (4) and alter (2).
  ///
  /// - Returns: The segment, which lives until it is removed and nobody has it attached.
  /// - Throws: EINVAL for a size that is none or above the limit, ENOSPC when a limit is reached, ENOMEM
  ///   when there is not so much memory.
  ///
  /// The corresponding C function is `shmget` with `IPC_PRIVATE`.
  public func makeMemorySegment(
    byteCount: Int, mode: UInt32 = 0o600
  ) throws(IPCError) -> MemorySegment {
    try getSegment(nil, byteCount, flags: Flag.create | Namespace.flags(mode), .create)
  }

  /// Makes a memory segment with a key.
  ///
  /// - Throws: EEXIST when there is one already, EINVAL for the key 0; else as
  ///   ``makeMemorySegment(byteCount:mode:)``.
  ///
  /// The corresponding C function is `shmget` with `IPC_CREAT | IPC_EXCL`.
  public func createMemorySegment(
    key: Key, byteCount: Int, mode: UInt32 = 0o600
  ) throws(IPCError) -> MemorySegment {
    try getSegment(
      key, byteCount, flags: Flag.create | Flag.exclusive | Namespace.flags(mode), .create)
  }

  /// The memory segment with a key, which must have at least `byteCount` bytes.
  ///
  /// - Throws: ENOENT when there is none, EINVAL when it is smaller.
  ///
  /// The corresponding C function is `shmget`.
  public func openMemorySegment(key: Key, byteCount: Int = 0) throws(IPCError) -> MemorySegment {
    try getSegment(key, byteCount, flags: 0, .open)
  }

  /// The memory segment with a key, made when there is none.
  ///
  /// - Throws: EINVAL when there is a smaller one, EACCES when its mode does not allow all that `mode`
  ///   asks for; else as ``createMemorySegment(key:byteCount:mode:)``.
  ///
  /// The corresponding C function is `shmget` with `IPC_CREAT`.
  public func openOrCreateMemorySegment(
    key: Key, byteCount: Int, mode: UInt32 = 0o600
  ) throws(IPCError) -> MemorySegment {
    try getSegment(key, byteCount, flags: Flag.create | Namespace.flags(mode), .openOrCreate)
  }

  /// The memory segment with an identifier. Nothing is checked: calls on it throw EINVAL when there is
  /// none.
  public func memorySegment(identifier: Int32) -> MemorySegment {
    MemorySegment(namespace: self, identifier: identifier)
  }

  private func getSegment(
    _ key: Key?, _ byteCount: Int, flags: Int32, _ action: IPCError.Action
  ) throws(IPCError) -> MemorySegment {
    // A key of 0 would mean IPC_PRIVATE to the call.
    let result =
      key?.rawValue == 0 || byteCount < 0
      ? -OmegaEngine.Errno.invalid.rawValue
      : host.getSegment(key: key?.rawValue ?? privateKey, byteCount: UInt(byteCount), flags: flags)
    if result >= 0 { return MemorySegment(namespace: self, identifier: result) }
    throw failure(action, .memorySegment, key, -result)
  }
}
