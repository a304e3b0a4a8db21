import COmegaLinux
import OmegaEngine

/// What stands at an index of a kind.
public enum ObjectFinding<Status: Sendable>: Sendable {
  case usable(Status)
  /// The file may not be opened by this process; what its name and its status tell.
  case inaccessible(InaccessibleObject)
  /// Being created, or its creator died before the key was given.
  case unfinished(Status)
  /// Marked removed; its remover died before the names were gone. The next use removes them.
  case removed
  case damaged(Damage)
}

/// An object that the process may not open.
public struct InaccessibleObject: Sendable {
  /// Semaphores, or bytes of a segment; 0 when the size of the file is not one that such an object has.
  public var size: Int
  /// Owner, group and mode of the file (follows the object's).
  public var uid: UInt32
  public var gid: UInt32
  public var mode: UInt32
}

/// Why a file at an object's name is no usable object.
public enum Damage: Equatable, Sendable {
  /// A directory, a link, a device …
  case notRegular
  /// Truncated, or never an image.
  case wrongSize(Int64)
  /// The header does not begin as ours do.
  case notAnImage
  case otherVersion(UInt64, known: UInt64)
  /// The header contradicts the file's size, its name or its owner.
  case contradictsSize(claimed: UInt64)
  case contradictsName(identifier: Int32)
  case contradictsOwner(uid: UInt32)
  /// The state is neither live nor removed.
  case unknownState(UInt64)
  /// The lock never gets free although its owner's thread lives.
  case lockIsStuck
  /// open(2), read(2) or mmap(2) failed.
  case unreadable(Errno)
}

/// A kind whose objects can be looked into.
protocol InspectedObject: StoredObject {
  associatedtype Status: Sendable
  /// Under the lock, the dead settled. Throws EIDRM.
  func status<H: Host>(_ host: H) throws(Errno) -> Status
  func statusNow() -> Status
}

extension SemaphoreSet: InspectedObject {}
extension MessageQueue: InspectedObject {}
extension SharedSegment: InspectedObject {}

extension Namespace {
  /// What stands at an index; nil when nothing does.
  ///
  /// Usable objects are locked for an instant, to settle the dead.
  public func findSet(index: Int) -> ObjectFinding<SetStatus>? {
    find(SemaphoreSet.self, index: index)
  }

  /// As `findSet`.
  public func findQueue(index: Int) -> ObjectFinding<QueueStatus>? {
    find(MessageQueue.self, index: index)
  }

  /// As `findSet`. One that is marked for removal and was left by all is removed on the way.
  public func findSegment(index: Int) -> ObjectFinding<SegmentStatus>? {
    let finding = find(SharedSegment.self, index: index)
    guard case .damaged(.lockIsStuck) = finding else { return finding }
    do throws(Errno) {
      return .usable(try segmentStatus(index: index, checksRead: false))
    } catch {
      return error == .invalid ? find(SharedSegment.self, index: index) : finding
    }
  }

  private func find<Object: InspectedObject>(
    _ kind: Object.Type, index: Int
  ) -> ObjectFinding<Object.Status>? {
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, Object.kind, index: index)
    guard let file = unsafe name.withText({ unsafe ImageFile<Object>.open($0) }) else {
      return whyNot(kind, index: index)
    }
    defer { file.unmap() }
    let state = ObjectState.of(file.object.stateWord)
    if state == ObjectState.removed { return .removed }
    if state != ObjectState.live { return .damaged(.unknownState(state)) }
    if file.identifier < 0 || Int(file.identifier) & 0x7FFF != index {
      return .damaged(.contradictsName(identifier: file.identifier))
    }
    if isUnfinished(file) { return .unfinished(file.object.statusNow()) }
    do throws(Errno) {
      return .usable(try file.object.status(LinuxHost()))
    } catch {
      return ObjectState.of(file.object.stateWord) == ObjectState.live
        ? .damaged(.lockIsStuck) : .removed
    }
  }

  /// Why `ImageFile.open` gave nothing: the same checks, one by one, on a header that is read and not
  /// mapped.
  private func whyNot<Object: InspectedObject>(
    _ kind: Object.Type, index: Int
  ) -> ObjectFinding<Object.Status>? {
    var raw = omega_file_status()
    // SAFETY: the path is terminated; the structure and the header outlive their calls.
    var name = unsafe Path(path, Object.kind, index: index)
    let found = unsafe name.withText { unsafe omega_lstat($0, &raw) }
    if found == -2 { return nil }
    guard found == 0 else { return .damaged(.unreadable(Errno(rawValue: -found))) }
    let status = FileStatus(raw)
    guard status.isRegular else { return .damaged(.notRegular) }
    let descriptor = unsafe name.withText {
      unsafe Kernel.open(
        $0, Open.readWrite | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    }
    if descriptor == -2 { return nil }
    let size = Object.kind.size(ofFile: status.byteCount)
    if descriptor == -13 || descriptor == -1 {
      return .inaccessible(
        InaccessibleObject(
          size: size, uid: raw.uid, gid: raw.gid, mode: raw.mode & 0o777))
    }
    guard descriptor >= 0 else {
      return .damaged(.unreadable(Errno(rawValue: Int32(-descriptor))))
    }
    defer { Kernel.close(descriptor) }
    var header = InlineArray<64, UInt64>(repeating: 0)
    let length = unsafe withUnsafeMutablePointer(to: &header) { out in
      omega_call(omega_call_read, descriptor, Int(bitPattern: out), 512, 0, 0, 0)
    }
    if length < 0 { return .damaged(.unreadable(Errno(rawValue: Int32(-length)))) }
    if length > 8 && header[Header.magic / 8] != Object.magic { return .damaged(.notAnImage) }
    guard size > 0 else { return .damaged(.wrongSize(Int64(status.byteCount))) }
    let version = header[Header.version / 8]
    if version != Object.version {
      return .damaged(.otherVersion(version, known: Object.version))
    }
    let claimed = header[Header.parameter / 8]
    if claimed != UInt64(size) { return .damaged(.contradictsSize(claimed: claimed)) }
    let owner = UInt64(status.uid)
    if owner != 0 && header[Header.uid / 8] != owner && header[Header.cuid / 8] != owner {
      return .damaged(.contradictsOwner(uid: status.uid))
    }
    return .damaged(.unreadable(.noMemory))  // Nothing is left but the mapping.
  }

  /// The identifier that a key's link tells; nil when there is no such link.
  public func link(_ kind: ObjectKind, key: Int32) -> Int32? {
    lookUp(kind, key: key)?.identifier
  }
}
