internal import OmegaEngine
internal import OmegaLinux

extension Namespace {
  /// What is in a namespace.
  public struct Contents: Hashable, Sendable {
    /// The sets in the order of their index, also those that cannot be used.
    public fileprivate(set) var sets: [SetEntry] = []
    /// The same of message queues.
    public fileprivate(set) var queues: [QueueEntry] = []
    /// The same of memory segments.
    public fileprivate(set) var segments: [SegmentEntry] = []
    /// Keys that name an object which is gone; the next use of the key removes them.
    public fileprivate(set) var staleKeys: [StaleKey] = []
    /// Names of files that are none of the namespace's.
    public fileprivate(set) var foreignNames: [String] = []
  }

  /// A key without its object.
  public struct StaleKey: Hashable, Sendable {
    /// Of what kind the object was.
    public let kind: ObjectKind
    /// Its key.
    public let key: Key

    /// Made by this module; public for comparisons.
    public init(kind: ObjectKind, key: Key) {
      self.kind = kind
      self.key = key
    }
  }

  /// What stands at one index of the semaphore sets.
  public typealias SetEntry = Entry<SemaphoreSetStatus>
  /// What stands at one index of the message queues.
  public typealias QueueEntry = Entry<MessageQueueStatus>

  /// What stands at one index of the memory segments.
  public typealias SegmentEntry = Entry<MemorySegmentStatus>

  /// What stands at one index of a kind.
  public struct Entry<Status: Hashable & Sendable>: Hashable, Sendable {
    /// What could be found out about it.
    public enum State: Hashable, Sendable {
      /// An object that works.
      case usable(Status)
      /// An object that this process may not open; owner, group and mode are its file's, and the size
      /// is the number of a set's semaphores or of a segment's bytes. A shared namespace tells its status all the same, except
      /// what changes with its use.
      case inaccessible(size: Int, owner: UInt32, group: UInt32, mode: UInt32, status: Status?)
      /// Being created, or its creator died before it was complete.
      case unfinished(Status)
      /// Removed, by somebody who died before its file was gone.
      case removed
      /// No usable object, for a reason in words.
      case damaged(reason: String)
    }

    /// Its kind.
    public let kind: ObjectKind
    /// The low 15 bits of the identifier, and the number in the name of the file.
    public let index: Int
    /// What could be found out about it.
    public let state: State

    /// The name of the file in the namespace's directory.
    public var fileName: String {
      let digits = String(index)
      return "\(kind.hostKind.prefix)." + String(repeating: "0", count: 5 - digits.count) + digits
    }
  }

  /// Room in the file system that a namespace is in, in bytes.
  public struct Space: Hashable, Sendable {
    /// Its size.
    public let byteCount: UInt64
    /// What is left.
    public let availableByteCount: UInt64
    /// Whether it is kept in memory (tmpfs), as it should be.
    public let isInMemory: Bool
  }

  /// Looks at every file of the namespace.
  ///
  /// Each usable object is locked for an instant, to settle what ended processes left. Throws what
  /// reading the directory gives.
  public func contents() throws(IPCError) -> Contents {
    var contents = Contents()
    do throws(OmegaLinuxErrno) {
      try host.forEachName { name in
        switch name.meaning {
        case .own: break
        case .foreign: contents.foreignNames.append(name.text)
        case .key(let kind, let key):
          if let kind = ObjectKind(kind), isStale(kind, key) {
            contents.staleKeys.append(StaleKey(kind: kind, key: Key(rawValue: key)))
          }
        case .object(let kind, let index): add(kind, index, &contents)
        }
      }
    } catch {
      throw IPCError(.listNamespace, .namespace(directory: directory), Errno(error))
    }
    contents.sets.sort { $0.index < $1.index }
    contents.queues.sort { $0.index < $1.index }
    contents.segments.sort { $0.index < $1.index }
    return contents
  }

  /// The room in the file system that the directory is in.
  ///
  /// The corresponding C function is `statfs`.
  public func space() throws(IPCError) -> Space {
    do throws(OmegaLinuxErrno) {
      let space = try host.space()
      return Space(
        byteCount: space.byteCount, availableByteCount: space.availableByteCount,
        isInMemory: space.isInMemory)
    } catch {
      throw IPCError(.listNamespace, .namespace(directory: directory), Errno(error))
    }
  }

  private func add(_ kind: OmegaLinux.ObjectKind, _ index: Int, _ contents: inout Contents) {
    switch kind {
    case .semaphores:
      guard let finding = host.findSet(index: index) else { return }
      let state = SetEntry.State(finding, .semaphores, SemaphoreSetStatus.init) {
        host.publicSetStatus(index: index)
      }
      contents.sets.append(SetEntry(kind: .semaphores, index: index, state: state))
    case .queues:
      guard let finding = host.findQueue(index: index) else { return }
      let state = QueueEntry.State(finding, .messageQueue, MessageQueueStatus.init) {
        host.publicQueueStatus(index: index)
      }
      contents.queues.append(QueueEntry(kind: .messageQueue, index: index, state: state))
    case .segments:
      guard let finding = host.findSegment(index: index) else { return }
      let state = SegmentEntry.State(finding, .memorySegment, MemorySegmentStatus.init) {
        host.publicSegmentStatus(index: index)
      }
      contents.segments.append(SegmentEntry(kind: .memorySegment, index: index, state: state))
    }
  }

  private func isStale(_ kind: ObjectKind, _ key: Int32) -> Bool {
    guard let identifier = host.link(kind.hostKind, key: key) else { return false }
    let index = Int(identifier) & 0x7FFF
    return switch kind {
    case .semaphores:
      isGone(identifier, host.findSet(index: index)) { $0.identifier }
    case .messageQueue:
      isGone(identifier, host.findQueue(index: index)) { $0.identifier }
    case .memorySegment:
      isGone(identifier, host.findSegment(index: index)) { $0.identifier }
    }
  }

  private func isGone<Status>(
    _ wanted: Int32, _ finding: ObjectFinding<Status>?, _ identifier: (Status) -> Int32
  ) -> Bool {
    switch finding {
    case .usable(let status), .unfinished(let status): identifier(status) != wanted
    case .inaccessible, .damaged: false  // Nobody can say.
    case .removed, nil: true
    }
  }
}

extension Namespace.Entry.State {
  fileprivate init<Found>(
    _ finding: ObjectFinding<Found>, _ kind: ObjectKind, _ make: (Found) -> Status,
    known: () -> Found?
  ) {
    switch finding {
    case .usable(let status): self = .usable(make(status))
    case .unfinished(let status): self = .unfinished(make(status))
    case .removed: self = .removed
    case .damaged(let damage): self = .damaged(reason: damage.reason(kind))
    case .inaccessible(let object):
      self = .inaccessible(
        size: kind == .messageQueue ? 0 : object.size, owner: object.uid, group: object.gid,
        mode: object.mode, status: known().map(make))
    }
  }
}

extension ObjectKind {
  fileprivate init?(_ kind: OmegaLinux.ObjectKind) {
    guard let own = ObjectKind.allCases.first(where: { $0.hostKind == kind }) else { return nil }
    self = own
  }
}

extension Damage {
  fileprivate func reason(_ kind: ObjectKind) -> String {
    switch self {
    case .notRegular: "not a regular file"
    case .wrongSize(let size): "\(size) bytes is not the size of a \(kind.shortNoun): truncated?"
    case .notAnImage: "not the image of a \(kind.noun)"
    case .otherVersion(let version, let known):
      "version \(version) of the image, and this program knows \(known)"
    case .contradictsSize(let claimed):
      kind == .semaphores
        ? "its header says \(claimed) semaphores, its size does not"
        : "its header says another size than it has"
    case .contradictsName(let identifier): "its header says identifier \(identifier)"
    case .contradictsOwner(let uid):
      "the file belongs to user \(uid), the \(kind.shortNoun) does not"
    case .unknownState(let state): "its header has an unknown state, \(state)"
    case .lockIsStuck: "its lock never gets free"
    case .unreadable(let errno): "cannot be read (\(Errno(errno)))"
    }
  }
}
