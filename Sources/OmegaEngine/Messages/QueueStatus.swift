/// `struct msqid_ds` without its layout.
public struct QueueStatus: Sendable {
  public var identifier: Int32
  public var key: Int32
  public var permissions: Permissions
  /// Messages and bytes in the queue, and the most bytes it may hold.
  public var messages: Int
  public var bytes: Int
  public var queueBytes: UInt64
  /// Processes that sent and received last, 0 for none.
  public var lastSender: UInt32
  public var lastReceiver: UInt32
  /// Times of the last send, receive and change, in seconds since 1970, 0 for none.
  public var stime: Int64
  public var rtime: Int64
  public var ctime: Int64

  public init(
    identifier: Int32, key: Int32, permissions: Permissions, messages: Int, bytes: Int,
    queueBytes: UInt64, lastSender: UInt32, lastReceiver: UInt32, stime: Int64, rtime: Int64,
    ctime: Int64
  ) {
    self.identifier = identifier
    self.key = key
    self.permissions = permissions
    self.messages = messages
    self.bytes = bytes
    self.queueBytes = queueBytes
    self.lastSender = lastSender
    self.lastReceiver = lastReceiver
    self.stime = stime
    self.rtime = rtime
    self.ctime = ctime
  }
}

/// What a queue tells about itself.
extension MessageQueue {
  /// A word that changes with every message that comes or goes.
  public var activity: UInt64 { image.load(Header.counts) }

  @inline(__always) public var isEmpty: Bool { counts.messages == 0 }

  /// Whether a call that is blocked finds sleepers whom it must not overtake, or who keep it from a fast
  /// call. A receiver may spin beside sleeping receivers: a message that one of them wants never gets
  /// into the queue.
  @inline(__always)
  public func mustLineUp(isSender: Bool) -> Bool {
    image.load(Header.senders) != 0 || isSender && image.load(Header.receivers) != 0
  }

  /// msgctl(IPC_STAT). Throws EIDRM.
  public func status<H: Host>(_ host: H) throws(Errno) -> QueueStatus {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    return statusNow()
  }

  /// As `status`, without the lock.
  public func statusNow() -> QueueStatus {
    let counts = counts
    let send = Stamp(bits: image.load(Header.lastSend))
    let receive = Stamp(bits: image.load(Header.lastReceive))
    return QueueStatus(
      identifier: identifier, key: key, permissions: permissions, messages: counts.messages,
      bytes: counts.bytes, queueBytes: image.load(Header.queueBytes), lastSender: send.pid,
      lastReceiver: receive.pid,
      stime: send.time, rtime: receive.time, ctime: Int64(bitPattern: image.load(Header.ctime)))
  }

  /// Shows the whole queue at one instant; returns its status.
  ///
  /// Calls `message` with type and size of every message, oldest first, then `sleeper` for every
  /// sleeping call (in no order; see `MessageSleeper.sequence`). Both run inside the queue's section
  /// with signals blocked, so they only take notes.
  public func inspect<H: Host>(
    _ host: H, message: (Int64, Int) -> Void, sleeper: (MessageSleeper) -> Void
  ) throws(Errno) -> QueueStatus {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    var cell = oldest
    for _ in 0..<counts.messages where cell != 0 {
      message(type(cell), size(cell))
      cell = next(cell)
    }
    for slot in 0..<waiterHigh where isQueued(slot) && !section.ownerIsDead(slot) {
      sleeper(MessageSleeper(queue: self, slot: slot, isSender: section.isSender(slot)))
    }
    return statusNow()
  }
}

/// A call that sleeps in msgsnd or msgrcv.
public struct MessageSleeper: Sendable {
  public let pid: UInt32
  public let tid: UInt32
  /// CLOCK_REALTIME in seconds at which it went to sleep.
  public let since: Int64
  /// Calls that came earlier have lower numbers.
  public let sequence: UInt64
  public let isSender: Bool
  /// A sender's message's type; the type argument of a receiver.
  public let type: Int64
  /// Bytes of a sender's message, or of a receiver's buffer.
  public let byteCount: Int
  /// A receiver asked for every other type (MSG_EXCEPT).
  public let except: Bool

  fileprivate init(queue: MessageQueue, slot: Int, isSender: Bool) {
    let waiter = queue.frame.waiter(slot)
    let image = queue.image
    pid = queue.waiterOwner(slot).pid
    tid = image.load32(waiter + Waiter.thread)
    since = Int64(bitPattern: image.load(waiter + Waiter.since))
    sequence = image.load(waiter + Waiter.sequence)
    self.isSender = isSender
    if isSender {
      let cell = Int(image.load(waiter + Waiter.cell) & 0xFF_FFFF)
      type = queue.type(cell)
      byteCount = queue.size(cell)
      except = false
    } else {
      let request = MessageRequest(
        flags: image.load(waiter + Waiter.flags), type: image.load(waiter + Waiter.wantedType),
        capacity: image.load(waiter + Waiter.capacity))
      type = request.type
      byteCount = request.capacity
      except = request.except
    }
  }
}
