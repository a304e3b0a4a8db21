import COmegaLinux
import OmegaEngine

/// Commands of msgctl besides those of all kinds (`<sys/msg.h>`).
enum MessageCommand {
  static var stat: Int32 { 11 }  // MSG_STAT
  static var info: Int32 { 12 }  // MSG_INFO
  static var statAny: Int32 { 13 }  // MSG_STAT_ANY
}

extension Namespace {
  /// `msgctl` (msgctl(2)): the command's result, or a negative errno.
  public func controlQueue(_ identifier: Int32, _ command: Int32, _ argument: UInt) -> Int32 {
    endAbandonedSleep()
    do throws(Errno) {
      let command = command & ~Command.wide
      if identifier < 0 || command < 0 { throw .invalid }
      let memory = UserMemory(argument)
      switch command {
      case Command.remove: return try remove(MessageQueue.self, identifier)
      case Command.set: return try setQueue(identifier, memory)
      case Command.stat: return try queueStatus(identifier, memory)
      case MessageCommand.stat, MessageCommand.statAny:
        return try queueStatus(index: Int(identifier) & 0x7FFF, command, memory)
      case Command.info, MessageCommand.info: return try queueInfo(command, memory)
      default: throw .invalid
      }
    } catch {
      return -error.rawValue
    }
  }

  private func setQueue(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let input = try memory.readable(Int(omega_msqid_size))
    // Linux takes an int, compares it without sign and keeps it with one.
    let queueBytes = Int32(truncatingIfNeeded: input.load(Int(omega_msqid_qbytes), as: Int64.self))
    let isLarge = UInt32(bitPattern: queueBytes) > UInt32(clamping: limits.queueBytes)
    return try setOwner(MessageQueue.self, identifier, NewOwner(input)) { () throws(Errno) in
      if isLarge && !Credentials().mayExceedResources { throw .notPermitted }
    } change: { (queue, owner) throws(Errno) in
      try queue.setQueue(
        LinuxHost(), uid: owner.uid, gid: owner.gid, mode: owner.mode,
        queueBytes: UInt64(bitPattern: Int64(queueBytes)))
    }
  }

  private func queueStatus(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let handle: ObjectHandle<MessageQueue>
    do throws(Errno) {
      unsafe handle = try self.handle(identifier, MessageQueue.self)
    } catch  where error == .accessDenied {
      let known = try readableStatus(.queues, index: Int(identifier) & 0x7FFF)
      try Namespace.store(QueueStatus(known), memory)
      return 0
    }
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let status = try unsafe handle.pointee.object.status(LinuxHost())
    try Namespace.store(status, memory)
    return 0
  }

  private func queueStatus(
    index: Int, _ command: Int32, _ memory: UserMemory
  ) throws(Errno) -> Int32 {
    let status = try queueStatus(index: index, command)
    try Namespace.store(status, memory)
    return status.identifier
  }

  /// What MSG_STAT or MSG_STAT_ANY tell of the queue at an index.
  @inline(never)
  func queueStatus(index: Int, _ command: Int32) throws(Errno) -> QueueStatus {
    let status: QueueStatus
    do throws(Errno) {
      let handle = unsafe try handle(index: index, MessageQueue.self)
      defer { unsafe leave(handle) }
      if command == MessageCommand.stat { try unsafe authorize(handle, Permissions.read) }
      // SAFETY: the handle is entered.
      status = try unsafe handle.pointee.object.status(LinuxHost())
    } catch  where error == .accessDenied {
      if command == MessageCommand.stat {
        status = QueueStatus(try readableStatus(.queues, index: index))
      } else if let known = publicStatus(.queues, index: index) {
        status = QueueStatus(known)
      } else {
        throw error
      }
    } catch  where error == .identifierRemoved {
      throw .invalid
    }
    // What a peer may have scribbled must not be taken for another queue's, or for an errno.
    guard status.identifier >= 0 && Int(status.identifier) & 0x7FFF == index else { throw .invalid }
    return status
  }

  /// Fills a `struct msqid_ds`.
  private static func store(_ status: QueueStatus, _ memory: UserMemory) throws(Errno) {
    let out = try memory.writable(Int(omega_msqid_size))
    out.clear(Int(omega_msqid_size))
    out.store(status.permissions, key: status.key, identifier: status.identifier)
    out.store(status.stime, Int(omega_msqid_stime))
    out.store(status.rtime, Int(omega_msqid_rtime))
    out.store(status.ctime, Int(omega_msqid_ctime))
    out.store(UInt64(status.bytes), Int(omega_msqid_cbytes))
    out.store(UInt64(status.messages), Int(omega_msqid_qnum))
    out.store(status.queueBytes, Int(omega_msqid_qbytes))
    out.store(status.lastSender, Int(omega_msqid_lspid))
    out.store(status.lastReceiver, Int(omega_msqid_lrpid))
  }

  /// Fills a `struct msginfo`; returns the highest index in use. Where no limit exists the numbers are
  /// those of Linux (msgctl_info in ipc/msg.c).
  private func queueInfo(_ command: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let out = try memory.writable(Int(omega_msginfo_size))
    let census = census(MessageQueue.self)
    let limits = limits
    let usage = command == MessageCommand.info ? messageUsage() : nil
    let pool = limits.queues * limits.queueBytes / 1024
    let fields: InlineArray<7, Int> = [
      usage.map { _ in census.objects } ?? pool, usage?.messages ?? limits.queueBytes,
      limits.messageBytes, limits.queueBytes, limits.queues, 16,
      usage?.bytes ?? limits.queueBytes,
    ]
    for index in 0..<7 { out.store(Int32(clamping: fields[index]), 4 * index) }
    out.store(UInt16(0xFFFF), 28)
    return Int32(census.highestIndex)
  }

  /// Messages and bytes in all queues that can be looked at.
  public func messageUsage() -> (messages: Int, bytes: Int) {
    var messages = 0
    var bytes = 0
    forEachIndex(.queues) { index in
      guard let handle = unsafe try? handle(index: index, MessageQueue.self) else { return }
      // SAFETY: the handle is entered.
      let status = unsafe handle.pointee.object.statusNow()
      messages += status.messages
      bytes += status.bytes
      unsafe leave(handle)
    }
    return (messages, bytes)
  }
}

extension QueueStatus {
  /// Of a queue that may not be opened: what changes with every message is not known.
  init(_ status: PublicStatus) {
    self.init(
      identifier: status.identifier, key: status.key, permissions: status.permissions,
      messages: 0, bytes: 0, queueBytes: 0, lastSender: 0, lastReceiver: 0, stime: 0, rtime: 0,
      ctime: status.ctime)
  }
}
