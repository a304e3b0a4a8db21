internal import OmegaEngine
internal import OmegaLinux

extension Namespace {
  /// Makes a set without a key, which only who is told its identifier finds.
  ///
  /// - Parameters:
  ///   - values: The first values, 0…32767, one for each semaphore; as many as the namespace
  ///     allows.
  ///   - mode: The low nine bits of a file mode: who may read (4) and alter (2).
  ///
  /// - Returns: The set, which lives until it is removed.
  /// - Throws: EINVAL for no values or too many, ERANGE for a bad value, ENOSPC when a limit is
  ///   reached or the file system is full.
  ///
  /// The corresponding C function is `semget` with `IPC_PRIVATE`, then `semctl` with `SETALL`.
  public func makeSemaphores(
    _ values: [Int], mode: UInt32 = 0o600
  ) throws(IPCError) -> SemaphoreSet {
    let set = try get(
      nil, count: values.count, flags: Flag.create | Namespace.flags(mode), .create)
    if values.allSatisfy({ $0 == 0 }) { return set }
    do throws(IPCError) {
      try set.setAll(values)
    } catch {
      try? set.remove()
      throw error
    }
    return set
  }

  /// Makes a set with a key. All values are 0.
  ///
  /// - Throws: EEXIST when there is one already, EINVAL for the key 0 or a bad count, ENOSPC when a
  ///   limit is reached or the file system is full.
  ///
  /// The corresponding C function is `semget` with `IPC_CREAT | IPC_EXCL`.
  public func createSemaphores(
    key: Key, count: Int, mode: UInt32 = 0o600
  ) throws(IPCError) -> SemaphoreSet {
    try get(
      key, count: count, flags: Flag.create | Flag.exclusive | Namespace.flags(mode), .create)
  }

  /// The set with a key, which must have at least `count` semaphores.
  ///
  /// - Throws: ENOENT when there is none, EINVAL when it has fewer, EACCES when it may be neither
  ///   read nor altered.
  ///
  /// The corresponding C function is `semget`.
  public func openSemaphores(key: Key, count: Int = 0) throws(IPCError) -> SemaphoreSet {
    try get(key, count: count, flags: 0, .open)
  }

  /// The set with a key, made with all values 0 when there is none.
  ///
  /// - Throws: EINVAL when there is one with fewer semaphores, EACCES when its mode does not allow
  ///   all that `mode` asks for; else as ``createSemaphores(key:count:mode:)``.
  ///
  /// The corresponding C function is `semget` with `IPC_CREAT`.
  public func openOrCreateSemaphores(
    key: Key, count: Int, mode: UInt32 = 0o600
  ) throws(IPCError) -> SemaphoreSet {
    try get(key, count: count, flags: Flag.create | Namespace.flags(mode), .openOrCreate)
  }

  /// The set with an identifier. Nothing is checked: calls on it throw EINVAL when there is none.
  public func semaphores(identifier: Int32) -> SemaphoreSet {
    SemaphoreSet(namespace: self, identifier: identifier)
  }

  private func get(
    _ key: Key?, count: Int, flags: Int32, _ action: IPCError.Action
  ) throws(IPCError) -> SemaphoreSet {
    // A key of 0 would mean IPC_PRIVATE to the call.
    let result =
      key?.rawValue == 0
      ? -OmegaEngine.Errno.invalid.rawValue
      : host.getSet(
        key: key?.rawValue ?? privateKey, semaphoreCount: Int32(clamping: count), flags: flags)
    if result >= 0 { return SemaphoreSet(namespace: self, identifier: result) }
    throw failure(action, .semaphores, key, -result)
  }
}
