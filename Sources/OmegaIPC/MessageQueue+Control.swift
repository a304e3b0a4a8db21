internal import OmegaEngine
internal import OmegaLinux

/// What is known of a queue without looking at its messages.
///
/// The corresponding C structure is `struct msqid_ds`.
public struct MessageQueueStatus: Hashable, Sendable {
  /// The identifier.
  public let identifier: Int32
  /// The key; nil for a queue without one.
  public let key: Key?
  /// User and group id of the owner.
  public let owner: UInt32, group: UInt32
  /// User and group id of the creator.
  public let creator: UInt32, creatorGroup: UInt32
  /// The low nine bits of a file mode: who may read (4) and alter (2).
  public let mode: UInt32
  /// The number of messages in the queue.
  public let messageCount: Int
  /// Their bytes.
  public let byteCount: Int
  /// The most bytes that may be in the queue; the most messages too.
  public let maximumByteCount: Int
  /// The processes that sent and received last; nil for none.
  public let lastSender: Int32?, lastReceiver: Int32?
  /// When a message was sent and received last, in seconds since 1970; nil for never.
  public let lastSend: Int64?, lastReceive: Int64?
  /// When it was created, or its owner, mode or maximum was set last, in seconds since 1970.
  public let lastChange: Int64

  init(_ status: QueueStatus) {
    identifier = status.identifier
    key = status.key == 0 ? nil : Key(rawValue: status.key)
    owner = status.permissions.uid
    group = status.permissions.gid
    creator = status.permissions.cuid
    creatorGroup = status.permissions.cgid
    mode = status.permissions.mode
    messageCount = status.messages
    byteCount = status.bytes
    maximumByteCount = Int(clamping: status.queueBytes)
    lastSender = status.lastSender == 0 ? nil : Int32(bitPattern: status.lastSender)
    lastReceiver = status.lastReceiver == 0 ? nil : Int32(bitPattern: status.lastReceiver)
    lastSend = status.stime == 0 ? nil : status.stime
    lastReceive = status.rtime == 0 ? nil : status.rtime
    lastChange = status.ctime
  }
}

extension MessageQueue {
  // MARK: The queue

  /// Key, owner, mode, what is in it, and times. Needs permission to read.
  ///
  /// - Throws: EINVAL when there is no such queue, EACCES without the permission.
  ///
  /// The corresponding C function is `msgctl` with `IPC_STAT`.
  public func status() throws(IPCError) -> MessageQueueStatus {
    do throws(OmegaLinuxErrno) {
      return MessageQueueStatus(try namespace.host.queueStatus(identifier: identifier))
    } catch {
      throw failure(.read, error.rawValue)
    }
  }

  /// Gives the queue another owner, group and mode; nil leaves as it is. Only for its owner, its
  /// creator and administrators, who must be allowed to read it.
  ///
  /// - Parameters:
  ///   - owner: A user id.
  ///   - group: A group id.
  ///   - mode: The low nine bits of a file mode: who may read (4) and alter (2).
  ///
  /// - Throws: EPERM for others; EACCES when it may not be read.
  ///
  /// The corresponding C function is `msgctl` with `IPC_SET`.
  public func setPermissions(
    owner: UInt32? = nil, group: UInt32? = nil, mode: UInt32? = nil
  ) throws(IPCError) {
    try change(.setPermissions) { status in
      status.permissions.uid = owner ?? status.permissions.uid
      status.permissions.gid = group ?? status.permissions.gid
      status.permissions.mode = mode ?? status.permissions.mode
    }
  }

  /// Changes how many bytes, and how many messages, may be in the queue; senders for whom there is
  /// room then go on. Only for its owner, its creator and administrators, who must be allowed to read
  /// it.
  ///
  /// What is above the namespace's ``Namespace/Limits/queueBytes`` is for administrators. What is in
  /// the queue stays there, even if it is more.
  ///
  /// - Throws: EPERM for others and for too much; EACCES when it may not be read.
  ///
  /// The corresponding C function is `msgctl` with `IPC_SET`.
  public func setMaximumByteCount(_ byteCount: Int) throws(IPCError) {
    guard byteCount >= 0 && byteCount <= Int32.max else {
      throw failure(.setMaximum, Errno.invalid.rawValue)
    }
    try change(.setMaximum) { $0.queueBytes = UInt64(byteCount) }
  }

  /// Removes the queue with its messages; who waits in it gets EIDRM. Only for its owner, its creator
  /// and administrators.
  ///
  /// - Throws: EPERM for others, EINVAL when there is no such queue.
  ///
  /// The corresponding C function is `msgctl` with `IPC_RMID`.
  public func remove() throws(IPCError) {
    let result = namespace.host.removeQueue(identifier)
    if result < 0 { throw failure(.remove, -result) }
  }

  private func change(
    _ action: IPCError.Action, _ body: (inout QueueStatus) -> Void
  ) throws(IPCError) {
    var status: QueueStatus
    do throws(OmegaLinuxErrno) {
      status = try namespace.host.queueStatus(identifier: identifier)
    } catch {
      throw failure(action, error.rawValue)
    }
    body(&status)
    let permissions = status.permissions
    let result = namespace.host.setQueue(
      identifier, uid: permissions.uid, gid: permissions.gid, mode: permissions.mode,
      queueBytes: status.queueBytes)
    if result < 0 { throw failure(action, -result) }
  }
}
