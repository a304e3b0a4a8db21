internal import OmegaEngine
internal import OmegaLinux

extension Namespace {
  /// Makes a message queue without a key, which only who is told its identifier finds.
  ///
  /// - Parameter mode: The low nine bits of a file mode: who may read (4) and alter (2).
  ///
  /// - Returns: The queue, which lives until it is removed.
  /// - Throws: ENOSPC when a limit is reached or the file system is full.
  ///
  /// The corresponding C function is `msgget` with `IPC_PRIVATE`.
  public func makeMessageQueue(mode: UInt32 = 0o600) throws(IPCError) -> MessageQueue {
    try getQueue(nil, flags: Flag.create | Namespace.flags(mode), .create)
  }

  /// Makes a message queue with a key.
  ///
  /// - Throws: EEXIST when there is one already, EINVAL for the key 0, ENOSPC when a limit is reached or
  ///   the file system is full.
  ///
  /// The corresponding C function is `msgget` with `IPC_CREAT | IPC_EXCL`.
  public func createMessageQueue(key: Key, mode: UInt32 = 0o600) throws(IPCError) -> MessageQueue {
    try getQueue(key, flags: Flag.create | Flag.exclusive | Namespace.flags(mode), .create)
  }

  /// The message queue with a key.
  ///
  /// - Throws: ENOENT when there is none, EINVAL for the key 0.
  ///
  /// The corresponding C function is `msgget`.
  public func openMessageQueue(key: Key) throws(IPCError) -> MessageQueue {
    try getQueue(key, flags: 0, .open)
  }

  /// The message queue with a key, made when there is none.
  ///
  /// - Throws: EACCES when the mode of the one that is there does not allow all that `mode` asks for; else
  ///   as ``createMessageQueue(key:mode:)``.
  ///
  /// The corresponding C function is `msgget` with `IPC_CREAT`.
  public func openOrCreateMessageQueue(
    key: Key, mode: UInt32 = 0o600
  ) throws(IPCError) -> MessageQueue {
    try getQueue(key, flags: Flag.create | Namespace.flags(mode), .openOrCreate)
  }

  /// The message queue with an identifier. Nothing is checked: calls on it throw EINVAL when there is
  /// none.
  public func messageQueue(identifier: Int32) -> MessageQueue {
    MessageQueue(namespace: self, identifier: identifier)
  }

  private func getQueue(
    _ key: Key?, flags: Int32, _ action: IPCError.Action
  ) throws(IPCError) -> MessageQueue {
    // A key of 0 would mean IPC_PRIVATE to the call.
    let result =
      key?.rawValue == 0
      ? -OmegaEngine.Errno.invalid.rawValue
      : host.getQueue(key: key?.rawValue ?? privateKey, flags: flags)
    if result >= 0 { return MessageQueue(namespace: self, identifier: result) }
    throw failure(action, .messageQueue, key, -result)
  }

  static func flags(_ mode: UInt32) -> Int32 { Int32(bitPattern: mode & 0o777) }

  /// The error of a call that looked for an object or made one.
  func failure(
    _ action: IPCError.Action, _ kind: ObjectKind, _ key: Key?, _ errno: Int32
  ) -> IPCError {
    let object: IPCError.Object =
      if let key {
        .key(key, of: kind, directory: directory)
      } else {
        .new(kind, directory: directory)
      }
    return IPCError(action, object, Errno(rawValue: errno))
  }
}
