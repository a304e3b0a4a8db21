internal import OmegaEngine
internal import OmegaLinux

/// Everything about a queue at one instant, also what the kernel cannot show of its own.
public struct MessageQueueDetails: Hashable, Sendable {
  /// A call that waits for room.
  public struct Sender: Hashable, Sendable {
    /// Its process.
    public let process: Int32
    /// Its thread, as `gettid` numbers them.
    public let thread: Int32
    /// When it began to wait, in seconds since 1970.
    public let since: Int64
    /// What it wants to send.
    public let message: MessageHeader
  }

  /// A call that waits for a message.
  public struct Receiver: Hashable, Sendable {
    /// Its process.
    public let process: Int32
    /// Its thread, as `gettid` numbers them.
    public let thread: Int32
    /// When it began to wait, in seconds since 1970.
    public let since: Int64
    /// Which message it wants.
    public let selection: MessageSelection
    /// The most bytes that it takes.
    public let byteCount: Int
  }

  /// Key, owner, mode, what is in it, and times.
  public let status: MessageQueueStatus
  /// The messages, oldest first.
  public let messages: [MessageHeader]
  /// The calls that wait for room, in the order in which they came.
  public let senders: [Sender]
  /// The calls that wait for a message, in the order in which they came.
  public let receivers: [Receiver]
}

extension MessageQueue {
  /// Shows everything about the queue at one instant: its messages, and who waits since when to send
  /// and to receive. Needs permission to read.
  ///
  /// Throws EINVAL when there is no such queue, EACCES without the permission, EIDRM when it is removed
  /// meanwhile.
  public func inspect() throws(IPCError) -> MessageQueueDetails {
    do throws(OmegaLinuxErrno) {
      return try details()
    } catch {
      throw failure(.inspect, error.rawValue)
    }
  }

  private func details() throws(OmegaLinuxErrno) -> MessageQueueDetails {
    var messages: [MessageHeader] = []
    var sleepers: [MessageSleeper] = []
    // The queue stands still meanwhile: ask for the memory before.
    messages.reserveCapacity(try namespace.host.queueStatus(identifier: identifier).messages)
    sleepers.reserveCapacity(64)
    let status = try namespace.host.inspectQueue(
      identifier,
      message: { messages.append(MessageHeader(type: Int($0), byteCount: $1)) },
      sleeper: { sleepers.append($0) })
    sleepers.sort { $0.sequence < $1.sequence }
    return MessageQueueDetails(
      status: MessageQueueStatus(status), messages: messages,
      senders: sleepers.filter(\.isSender).map(MessageQueueDetails.Sender.init),
      receivers: sleepers.filter { !$0.isSender }.map(MessageQueueDetails.Receiver.init))
  }
}

extension MessageQueueDetails.Sender {
  fileprivate init(_ sleeper: MessageSleeper) {
    process = Int32(bitPattern: sleeper.pid)
    thread = Int32(bitPattern: sleeper.tid)
    since = sleeper.since
    message = MessageHeader(type: Int(sleeper.type), byteCount: sleeper.byteCount)
  }
}

extension MessageQueueDetails.Receiver {
  fileprivate init(_ sleeper: MessageSleeper) {
    process = Int32(bitPattern: sleeper.pid)
    thread = Int32(bitPattern: sleeper.tid)
    since = sleeper.since
    byteCount = sleeper.byteCount
    let type = Int(sleeper.type)
    selection =
      if type == 0 {
        .first
      } else if type < 0 {
        .lowest(upTo: type == .min ? .max : -type)
      } else {
        sleeper.except ? .except(type) : .type(type)
      }
  }
}
