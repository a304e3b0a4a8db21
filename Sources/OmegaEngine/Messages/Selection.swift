/// What msgrcv asks for.
public struct MessageRequest: Sendable {
  /// 0: the oldest; above 0: the oldest of that type, or not of it (`except`); below: the oldest of the
  /// lowest type that is not above −type.
  public var type: Int64
  public var except: Bool
  /// Whether a longer message is cut (MSG_NOERROR).
  public var cuts: Bool
  /// Bytes of the buffer.
  public var capacity: Int

  public init(type: Int64, except: Bool, cuts: Bool, capacity: Int) {
    self.type = type
    self.except = except && type > 0
    self.cuts = cuts
    self.capacity = capacity
  }

  init(flags: UInt64, type: UInt64, capacity: UInt64) {
    self.init(
      type: Int64(bitPattern: type), except: flags & 1 != 0, cuts: flags & 2 != 0,
      capacity: Int(truncatingIfNeeded: capacity & UInt64(Int64.max)))
  }

  var flags: UInt64 { (except ? 1 : 0) | (cuts ? 2 : 0) }

  /// The highest type that a request of a lowest type takes; LONG_MIN stands for LONG_MAX.
  @inline(__always)
  private var highest: Int64 { type == .min ? .max : 0 &- type }

  func matches(_ messageType: Int64) -> Bool {
    if type == 0 { return true }
    if type < 0 { return messageType <= highest }
    return (messageType == type) != except
  }

  /// The message it takes, 0 for none (semantics B3.7). Only `except` walks, over the messages of the
  /// excluded type that are older than its message.
  @inline(__always)
  func select(_ queue: MessageQueue) -> Int {
    if type == 0 { return queue.oldest }
    if type < 0 { return selectLowest(queue) }
    if except { return selectOther(queue) }
    let leaf = queue.find(type: type)
    return leaf == 0 ? 0 : queue.messages(ofLeaf: leaf).first
  }

  @inline(never)
  private func selectLowest(_ queue: MessageQueue) -> Int {
    let leaf = queue.lowestType()
    guard leaf != 0, queue.type(ofLeaf: leaf) <= highest else { return 0 }
    return queue.messages(ofLeaf: leaf).first
  }

  @inline(never)
  private func selectOther(_ queue: MessageQueue) -> Int {
    var cell = queue.oldest
    var steps = queue.counts.messages
    while cell != 0 && steps > 0 {
      if queue.type(cell) != type { return cell }
      cell = queue.next(cell)
      steps -= 1
    }
    return 0
  }
}
