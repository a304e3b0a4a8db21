import OmegaEngine
import OmegaLinux

/// What `ls` tells about one object: as much as this process may know.
struct ObjectRow {
  enum State: String { case usable, inaccessible, unfinished, removed, damaged }

  /// What only objects of a kind have; nil where it is not known.
  struct Figures {
    var semaphoreCount: Int?
    /// Sleeping calls, and processes with adjustments.
    var waiting: Int?
    var holders: Int?
    var otime: Int64?
    var queue: QueueStatus?
    /// Calls that wait to send and to receive.
    var senders: Int?
    var receivers: Int?
    var segment: SegmentStatus?
    var byteCount: Int?
  }

  let kind: ObjectKind
  let index: Int
  var state = State.usable
  /// nil where only an open file would tell.
  var identifier: Int32?
  var key: Int32?
  var permissions: Permissions?
  var ctime: Int64?
  var figures = Figures()
  /// What is wrong with a damaged object.
  var problem: String?

  init(_ kind: ObjectKind, index: Int) {
    self.kind = kind
    self.index = index
  }
}

extension ObjectRow {
  /// nil when the object vanished meanwhile. `link` is its key's.
  init?(_ namespace: Namespace, _ kind: ObjectKind, index: Int, link: KeyName?) {
    self.init(kind, index: index)
    identifier = link?.identifier
    key = link?.key
    let isThere =
      switch kind {
      case .semaphores: findSet(namespace)
      case .queues: findQueue(namespace)
      case .segments: findSegment(namespace)
      }
    if !isThere { return nil }
  }

  private mutating func findSet(_ namespace: Namespace) -> Bool {
    let index = index
    guard let finding = namespace.findSet(index: index) else { return false }
    fill(finding, known: namespace.publicSetStatus(index: index)) { row, status in
      row.fill(status.identifier, status.key, status.permissions, status.ctime)
      row.figures.semaphoreCount = status.semaphoreCount
      row.figures.otime = status.otime
    }
    if case .inaccessible(let set) = finding {
      figures.semaphoreCount = set.size
      figures.otime = nil
    }
    if state == .usable, let identifier { count(set: identifier, namespace) }
    return true
  }

  private mutating func findQueue(_ namespace: Namespace) -> Bool {
    let index = index
    guard let finding = namespace.findQueue(index: index) else { return false }
    fill(finding, known: namespace.publicQueueStatus(index: index)) { row, status in
      row.fill(status.identifier, status.key, status.permissions, status.ctime)
      row.figures.queue = status
    }
    if state == .inaccessible { figures.queue = nil }
    if state == .usable, let identifier { count(queue: identifier, namespace) }
    return true
  }

  private mutating func findSegment(_ namespace: Namespace) -> Bool {
    let index = index
    guard let finding = namespace.findSegment(index: index) else { return false }
    fill(finding, known: namespace.publicSegmentStatus(index: index)) { row, status in
      row.fill(status.identifier, status.key, status.permissions, status.ctime)
      row.figures.segment = status
      row.figures.byteCount = status.byteCount
    }
    if case .inaccessible(let segment) = finding {
      figures.byteCount = segment.size
      figures.segment = nil
    }
    return true
  }

  private mutating func fill<Status>(
    _ finding: ObjectFinding<Status>, known: @autoclosure () -> Status?,
    _ use: (inout ObjectRow, Status) -> Void
  ) {
    switch finding {
    case .usable(let status): use(&self, status)
    case .unfinished(let status):
      state = .unfinished
      use(&self, status)
    case .removed: state = .removed
    case .inaccessible(let object):
      state = .inaccessible
      permissions = Permissions(
        uid: object.uid, gid: object.gid, cuid: object.uid, cgid: object.gid, mode: object.mode)
      // A shared namespace tells more; what changes with every use stays unknown.
      if let status = known() { use(&self, status) }
    case .damaged(let damage):
      state = .damaged
      problem = damage.text(kind)
    }
  }

  private mutating func fill(
    _ identifier: Int32, _ key: Int32, _ permissions: Permissions, _ ctime: Int64
  ) {
    self.identifier = identifier
    self.key = key
    self.permissions = permissions
    self.ctime = ctime
  }

  // Listed all the same where it may not be read, as ipcs does.

  private mutating func count(set identifier: Int32, _ namespace: Namespace) {
    var sleepers = 0
    var pids: Set<UInt32> = []
    let status = try? namespace.inspect(
      identifier, semaphore: { _, _ in }, sleeper: { _ in sleepers += 1 },
      holder: { pids.insert($0.pid) })
    if status == nil { return }
    figures.waiting = sleepers
    figures.holders = pids.count
  }

  private mutating func count(queue identifier: Int32, _ namespace: Namespace) {
    var senders = 0
    var receivers = 0
    let status = try? namespace.inspectQueue(
      identifier, message: { _, _ in },
      sleeper: { if $0.isSender { senders += 1 } else { receivers += 1 } })
    if status == nil { return }
    figures.senders = senders
    figures.receivers = receivers
  }
}
