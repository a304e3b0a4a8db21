internal import OmegaEngine
internal import OmegaLinux

extension Namespace {
  /// What is in a namespace.
  public struct Contents: Hashable, Sendable {
    /// The sets in the order of their index, also those that cannot be used.
    public fileprivate(set) var sets: [SetEntry] = []
    /// Keys that name a set which is gone; the next use of the key removes them.
    public fileprivate(set) var staleKeys: [Key] = []
    /// Names of files that are none of the namespace's.
    public fileprivate(set) var foreignNames: [String] = []
  }

  /// What stands at one index of a namespace.
  public struct SetEntry: Hashable, Sendable {
    /// What could be found out about it.
    public enum State: Hashable, Sendable {
      /// A set that works.
      case usable(SemaphoreSetStatus)
      /// A set that this process may not open; owner, group and mode are its file's. A shared
      /// namespace tells its status all the same, except the time of the last operation.
      case inaccessible(
        semaphoreCount: Int, owner: UInt32, group: UInt32, mode: UInt32,
        status: SemaphoreSetStatus?)
      /// Being created, or its creator died before it was complete.
      case unfinished(SemaphoreSetStatus)
      /// Removed, by somebody who died before its file was gone.
      case removed
      /// No usable set, for a reason in words.
      case damaged(reason: String)
    }

    /// The low 15 bits of the identifier, and the number in the name of the file.
    public let index: Int
    /// What could be found out about it.
    public let state: State

    /// The name of the file in the namespace's directory.
    public var fileName: String {
      let digits = String(index)
      return "sem." + String(repeating: "0", count: 5 - digits.count) + digits
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
  /// Each usable set is locked for an instant, to settle what ended processes left. Throws what
  /// reading the directory gives.
  public func contents() throws(IPCError) -> Contents {
    var contents = Contents()
    do throws(OmegaLinuxErrno) {
      try host.forEachName { name in
        switch name.meaning {
        case .own: break
        case .foreign: contents.foreignNames.append(name.text)
        case .key(let key): if isStale(key) { contents.staleKeys.append(Key(rawValue: key)) }
        case .set(let index):
          if let finding = host.find(index: index) {
            let known = host.publicSetStatus(index: index)
            contents.sets.append(SetEntry(index: index, state: SetEntry.State(finding, known)))
          }
        }
      }
    } catch {
      throw IPCError(.listNamespace, .namespace(directory: directory), Errno(error))
    }
    contents.sets.sort { $0.index < $1.index }
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

  private func isStale(_ key: Int32) -> Bool {
    guard let link = host.link(key: key) else { return false }
    switch host.find(index: Int(link.identifier) & 0x7FFF) {
    case .usable(let status), .unfinished(let status): return status.identifier != link.identifier
    case .inaccessible, .damaged: return false  // Nobody can say.
    case .removed, nil: return true
    }
  }
}

extension Namespace.SetEntry.State {
  fileprivate init(_ finding: SetFinding, _ known: SetStatus?) {
    switch finding {
    case .usable(let status): self = .usable(SemaphoreSetStatus(status))
    case .unfinished(let status): self = .unfinished(SemaphoreSetStatus(status))
    case .removed: self = .removed
    case .damaged(let damage): self = .damaged(reason: damage.reason)
    case .inaccessible(let set):
      self = .inaccessible(
        semaphoreCount: set.semaphoreCount, owner: set.uid, group: set.gid, mode: set.mode,
        status: known.map(SemaphoreSetStatus.init))
    }
  }
}

extension Damage {
  fileprivate var reason: String {
    switch self {
    case .notRegular: "not a regular file"
    case .wrongSize(let size): "\(size) bytes is not the size of a set: truncated?"
    case .notAnImage: "not the image of a semaphore set"
    case .otherVersion(let version):
      "version \(version) of the image, and this program knows \(SetLayout.version)"
    case .contradictsSize(let count): "its header says \(count) semaphores, its size does not"
    case .contradictsName(let identifier): "its header says identifier \(identifier)"
    case .contradictsOwner(let uid): "the file belongs to user \(uid), the set does not"
    case .unknownState(let state): "its header has an unknown state, \(state)"
    case .lockIsStuck: "its lock never gets free"
    case .unreadable(let errno): "cannot be read (\(Errno(errno)))"
    }
  }
}
