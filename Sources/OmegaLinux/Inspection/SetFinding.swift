import COmegaLinux
import OmegaEngine

/// What stands at an index of a namespace.
public enum SetFinding: Sendable {
  case usable(SetStatus)
  /// The file may not be opened by this process; what its name and its status tell.
  case inaccessible(InaccessibleSet)
  /// Being created, or its creator died before the key was given.
  case unfinished(SetStatus)
  /// Marked removed; its remover died before the names were gone. The next use removes them.
  case removed
  case damaged(Damage)
}

/// A set that the process may not open.
public struct InaccessibleSet: Sendable {
  /// 0 when the size of the file is not one that a set has.
  public var semaphoreCount: Int
  /// Owner, group and mode of the file (follows the set's).
  public var uid: UInt32
  public var gid: UInt32
  public var mode: UInt32
}

/// Why a file at a set's name is no usable set.
public enum Damage: Equatable, Sendable {
  /// A directory, a link, a device …
  case notRegular
  /// Truncated, or never an image.
  case wrongSize(Int64)
  /// The header does not begin as ours do.
  case notAnImage
  case otherVersion(UInt64)
  /// The header contradicts the file's size, its name or its owner.
  case contradictsSize(semaphoreCount: UInt64)
  case contradictsName(identifier: Int32)
  case contradictsOwner(uid: UInt32)
  /// The state is neither live nor removed.
  case unknownState(UInt64)
  /// The lock never gets free although its owner's thread lives.
  case lockIsStuck
  /// open(2), read(2) or mmap(2) failed.
  case unreadable(Errno)
}

extension Namespace {
  /// What stands at an index; nil when nothing does.
  ///
  /// Usable sets are locked for an instant, to settle the dead.
  public func find(index: Int) -> SetFinding? {
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, .semaphores, index: index)
    guard let file = unsafe name.withText({ unsafe ImageFile<SemaphoreSet>.open($0) }) else {
      return whyNot(index: index)
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

  /// Why `ImageFile<SemaphoreSet>.open` gave nothing: the same checks, one by one, on a header that is read and
  /// not mapped.
  private func whyNot(index: Int) -> SetFinding? {
    var raw = omega_file_status()
    // SAFETY: the path is terminated; the structure and the header outlive their calls.
    var name = unsafe Path(path, .semaphores, index: index)
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
    let count = SetLayout.semaphoreCount(ofFile: status.byteCount)
    if descriptor == -13 || descriptor == -1 {
      return .inaccessible(
        InaccessibleSet(
          semaphoreCount: count, uid: raw.uid, gid: raw.gid, mode: raw.mode & 0o777))
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
    if length > 8 && header[Header.magic / 8] != SetLayout.magic { return .damaged(.notAnImage) }
    guard count > 0 else { return .damaged(.wrongSize(Int64(status.byteCount))) }
    let version = header[Header.version / 8]
    if version != SetLayout.version { return .damaged(.otherVersion(version)) }
    let claimed = header[Header.semaphoreCount / 8]
    if claimed != UInt64(count) { return .damaged(.contradictsSize(semaphoreCount: claimed)) }
    let owner = UInt64(status.uid)
    if owner != 0 && header[Header.uid / 8] != owner && header[Header.cuid / 8] != owner {
      return .damaged(.contradictsOwner(uid: status.uid))
    }
    return .damaged(.unreadable(.noMemory))  // Nothing is left but the mapping.
  }

  /// The identifier and the size that a key's link tells; nil when there is no such link.
  public func link(key: Int32) -> (identifier: Int32, semaphoreCount: Int)? {
    lookUp(.semaphores, key: key).map { ($0.identifier, $0.size) }
  }
}
