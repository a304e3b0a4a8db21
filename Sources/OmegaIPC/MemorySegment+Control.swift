internal import OmegaEngine
internal import OmegaLinux

/// What is known of a segment.
///
/// The corresponding C structure is `struct shmid_ds`.
public struct MemorySegmentStatus: Hashable, Sendable {
  /// The identifier.
  public let identifier: Int32
  /// The key; nil for a segment without one.
  public let key: Key?
  /// User and group id of the owner.
  public let owner: UInt32, group: UInt32
  /// User and group id of the creator.
  public let creator: UInt32, creatorGroup: UInt32
  /// The low nine bits of a file mode: who may read (4) and alter (2).
  public let mode: UInt32
  /// The size in bytes.
  public let byteCount: Int
  /// How often it is attached, by all processes together.
  public let attachmentCount: Int
  /// Whether it was removed, and is there only for those who have it attached (SHM_DEST).
  public let isRemoved: Bool
  /// Whether it is marked as locked (SHM_LOCKED).
  public let isLocked: Bool
  /// The process that made it.
  public let creatorProcess: Int32
  /// The process that attached or detached it last; nil for none.
  public let lastProcess: Int32?
  /// When it was attached and detached last, in seconds since 1970; nil for never.
  public let lastAttach: Int64?, lastDetach: Int64?
  /// When it was created, or its owner or mode was set last, in seconds since 1970.
  public let lastChange: Int64

  init(_ status: SegmentStatus) {
    identifier = status.identifier
    key = status.key == 0 ? nil : Key(rawValue: status.key)
    owner = status.permissions.uid
    group = status.permissions.gid
    creator = status.permissions.cuid
    creatorGroup = status.permissions.cgid
    mode = status.permissions.mode
    byteCount = status.byteCount
    attachmentCount = status.attachments
    isRemoved = UInt64(status.flags) & SegmentFlag.doomed != 0
    isLocked = UInt64(status.flags) & SegmentFlag.locked != 0
    creatorProcess = Int32(bitPattern: status.creatorPid)
    lastProcess = status.lastPid == 0 ? nil : Int32(bitPattern: status.lastPid)
    lastAttach = status.attachTime == 0 ? nil : status.attachTime
    lastDetach = status.detachTime == 0 ? nil : status.detachTime
    lastChange = status.ctime
  }
}

/// A segment and who has it attached, at one instant.
public struct MemorySegmentDetails: Hashable, Sendable {
  /// A process that has it attached.
  public struct Attachment: Hashable, Sendable {
    /// The process.
    public let process: Int32
    /// How often.
    public let count: Int
    /// Since when it has it attached at all, in seconds since 1970.
    public let since: Int64
  }

  /// Key, owner, mode, size and times.
  public let status: MemorySegmentStatus
  /// Who has it attached, the longest first.
  public let attachments: [Attachment]
}

extension MemorySegment {
  /// Key, owner, mode, size, attachments and times. Needs permission to read.
  ///
  /// - Throws: EINVAL when there is no such segment, EACCES without the permission.
  ///
  /// The corresponding C function is `shmctl` with `IPC_STAT`.
  public func status() throws(IPCError) -> MemorySegmentStatus {
    do throws(OmegaLinuxErrno) {
      return MemorySegmentStatus(try namespace.host.inspectSegment(identifier) { _ in })
    } catch {
      throw failure(.read, error.rawValue)
    }
  }

  /// Shows who has the segment attached since when, which the kernel cannot show of its own. Needs
  /// permission to read.
  ///
  /// Throws EINVAL when there is no such segment, EACCES without the permission.
  public func inspect() throws(IPCError) -> MemorySegmentDetails {
    var attachments: [MemorySegmentDetails.Attachment] = []
    // The segment stands still meanwhile: ask for the memory before.
    attachments.reserveCapacity(64)
    do throws(OmegaLinuxErrno) {
      let status = try namespace.host.inspectSegment(identifier) {
        attachments.append(
          MemorySegmentDetails.Attachment(
            process: Int32(bitPattern: $0.pid), count: $0.attachments, since: $0.since))
      }
      return MemorySegmentDetails(
        status: MemorySegmentStatus(status),
        attachments: attachments.sorted { ($0.since, $0.process) < ($1.since, $1.process) })
    } catch {
      throw failure(.inspect, error.rawValue)
    }
  }

  /// Gives the segment another owner, group and mode; nil leaves as it is. Only for its owner, its
  /// creator and administrators, who must be allowed to read it.
  ///
  /// - Parameters:
  ///   - owner: A user id.
  ///   - group: A group id.
  ///   - mode: The low nine bits of a file mode: who may read (4) and alter (2).
  ///
  /// - Throws: EPERM for others; EACCES when it may not be read.
  ///
  /// The corresponding C function is `shmctl` with `IPC_SET`.
  public func setPermissions(
    owner: UInt32? = nil, group: UInt32? = nil, mode: UInt32? = nil
  ) throws(IPCError) {
    let now: Permissions
    do throws(OmegaLinuxErrno) {
      now = try namespace.host.inspectSegment(identifier) { _ in }.permissions
    } catch {
      throw failure(.setPermissions, error.rawValue)
    }
    let result = namespace.host.setSegment(
      identifier, uid: owner ?? now.uid, gid: group ?? now.gid, mode: mode ?? now.mode)
    if result < 0 { throw failure(.setPermissions, -result) }
  }

  /// Marks the segment as locked, or not. The mark is all: its memory can be swapped out as before.
  ///
  /// - Throws: EPERM for those who may not lock memory, ENOMEM for more than they may.
  ///
  /// The corresponding C function is `shmctl` with `SHM_LOCK` or `SHM_UNLOCK`.
  public func setLocked(_ isLocked: Bool) throws(IPCError) {
    let command = isLocked ? SegmentOption.lock : SegmentOption.unlock
    let result = namespace.host.controlSegment(identifier, command, 0)
    if result < 0 { throw failure(.lock, -result) }
  }

  /// Removes the segment: its key is free at once; it can still be used and attached by its identifier
  /// until nobody has it attached any more. Only for its owner, its creator and administrators.
  ///
  /// - Throws: EPERM for others, EINVAL when there is no such segment.
  ///
  /// The corresponding C function is `shmctl` with `IPC_RMID`.
  public func remove() throws(IPCError) {
    let result = namespace.host.controlSegment(identifier, Command.remove, 0)
    if result < 0 { throw failure(.remove, -result) }
  }
}
