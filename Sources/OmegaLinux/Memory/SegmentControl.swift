import COmegaLinux
import OmegaEngine

/// Commands of shmctl besides those of all kinds (`<sys/shm.h>`).
private enum SegmentCommand {
  static var lock: Int32 { 11 }  // SHM_LOCK
  static var unlock: Int32 { 12 }  // SHM_UNLOCK
  static var stat: Int32 { 13 }  // SHM_STAT
  static var info: Int32 { 14 }  // SHM_INFO
  static var statAny: Int32 { 15 }  // SHM_STAT_ANY
}

extension Namespace {
  /// `shmctl` (shmctl(2)): the command's result, or a negative errno.
  public func controlSegment(_ identifier: Int32, _ command: Int32, _ argument: UInt) -> Int32 {
    do throws(Errno) {
      let command = command & ~Command.wide
      if identifier < 0 || command < 0 { throw .invalid }
      let memory = UserMemory(argument)
      switch command {
      case Command.remove: return try removeSegment(identifier)
      case Command.set: return try setSegment(identifier, memory)
      case Command.stat: return try segmentStatus(identifier, memory)
      case SegmentCommand.stat, SegmentCommand.statAny:
        let status = try segmentStatus(
          index: Int(identifier) & 0x7FFF, checksRead: command == SegmentCommand.stat)
        try Namespace.store(status, memory)
        return status.identifier
      case SegmentCommand.lock, SegmentCommand.unlock:
        return try lockSegment(identifier, command == SegmentCommand.lock ? SegmentFlag.locked : 0)
      case Command.info: return try segmentLimits(memory)
      case SegmentCommand.info: return try segmentUsage(memory)
      default: throw .invalid
      }
    } catch {
      return -error.rawValue
    }
  }

  // MARK: Changes

  private func removeSegment(_ identifier: Int32) throws(Errno) -> Int32 {
    let handle = unsafe try controllable(SharedSegment.self, identifier)
    defer { unsafe leave(handle) }
    // SAFETY: the handle is entered.
    let segment = unsafe handle.pointee.object
    let inode = unsafe handle.pointee.inode
    let fate = try unsafe there(handle) { () throws(Errno) in
      try segment.removeOrDoom(
        LinuxHost(), unlink: { unlinkNames(segment, inode: inode) },
        unlinkKey: { key in
          if key != privateKey { unlinkKey(.segments, key, identifier) }
          if !lookUpIsMarked(identifier) { countDoomed() }
          markFile(identifier)
        })
    }
    if fate == .ends { unsafe retire(handle) } else { publishStatus(segment, inode: inode) }
    return 0
  }

  private func lookUpIsMarked(_ identifier: Int32) -> Bool {
    lookUp(.segments, index: Int(identifier) & 0x7FFF)?.isMarked == true
  }

  private func setSegment(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let input = try memory.readable(Int(omega_shmid_size))
    var isDoomed = false
    _ = try setOwner(SharedSegment.self, identifier, NewOwner(input)) {
      (segment, owner) throws(Errno) in
      try segment.setPermissions(LinuxHost(), uid: owner.uid, gid: owner.gid, mode: owner.mode)
      isDoomed = segment.isDoomed
    }
    if isDoomed { markFile(identifier) }
    return 0
  }

  /// The memory is not locked: only the mark is kept. Who may do it, and with how much, is as in Linux.
  private func lockSegment(_ identifier: Int32, _ flags: UInt64) throws(Errno) -> Int32 {
    let handle: ObjectHandle<SharedSegment>
    do throws(Errno) {
      unsafe handle = try self.handle(identifier, SharedSegment.self)
    } catch {
      throw error == .accessDenied ? .notPermitted : error
    }
    defer { unsafe leave(handle) }
    // SAFETY: the handle is entered.
    let segment = unsafe handle.pointee.object
    let credentials = Credentials()
    if !credentials.mayLockMemory {
      guard segment.permissions.isOwned(by: credentials.euid) else { throw .notPermitted }
      if flags != 0 {
        let most = Credentials.lockableBytes
        if most == 0 { throw .notPermitted }
        if UInt64(segment.layout.mappedByteCount) > most { throw .noMemory }
      }
    }
    try unsafe there(handle) { () throws(Errno) in try segment.setLocked(LinuxHost(), flags) }
    return 0
  }

  /// Runs `body`; where it finds the segment marked for removal and left by all, takes its names away and
  /// throws EINVAL: Linux removed it when the last user ended.
  func there<R>(
    _ handle: ObjectHandle<SharedSegment>, _ body: () throws(Errno) -> R
  ) throws(Errno) -> R {
    // SAFETY: the handle is entered.
    let wasLive = ObjectState.of(unsafe handle.pointee.object.stateWord) == ObjectState.live
    do throws(Errno) {
      return try body()
    } catch  where error == .identifierRemoved {
      unsafe endIfLeft(handle)
      throw wasLive ? .invalid : error
    }
  }

  // MARK: Status

  private func segmentStatus(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let handle: ObjectHandle<SharedSegment>
    do throws(Errno) {
      unsafe handle = try self.handle(identifier, SharedSegment.self)
    } catch  where error == .accessDenied {
      let known = try readableStatus(.segments, index: Int(identifier) & 0x7FFF)
      try Namespace.store(SegmentStatus(known), memory)
      return 0
    }
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let segment = unsafe handle.pointee.object
    let status = try unsafe there(handle) { () throws(Errno) in try segment.status(LinuxHost()) }
    try Namespace.store(status, memory)
    return 0
  }

  /// What the segment at an index shows to those who may read it, or to everybody. Throws EINVAL when there
  /// is none.
  func segmentStatus(index: Int, checksRead: Bool) throws(Errno) -> SegmentStatus {
    let status: SegmentStatus
    do throws(Errno) {
      let handle = unsafe try handle(index: index, SharedSegment.self)
      defer { unsafe leave(handle) }
      if checksRead { try unsafe authorize(handle, Permissions.read) }
      // SAFETY: the handle is entered.
      let segment = unsafe handle.pointee.object
      status = try unsafe there(handle) { () throws(Errno) in try segment.status(LinuxHost()) }
    } catch  where error == .accessDenied {
      if checksRead {
        status = SegmentStatus(try readableStatus(.segments, index: index))
      } else if let known = publicStatus(.segments, index: index) {
        status = SegmentStatus(known)
      } else {
        throw error
      }
    } catch  where error == .identifierRemoved {
      throw .invalid
    }
    // What a peer may have scribbled must not be taken for another segment's, or for an errno.
    guard status.identifier >= 0 && Int(status.identifier) & 0x7FFF == index else { throw .invalid }
    return status
  }

  /// Fills a `struct shmid_ds`.
  private static func store(_ status: SegmentStatus, _ memory: UserMemory) throws(Errno) {
    let out = try memory.writable(Int(omega_shmid_size))
    out.clear(Int(omega_shmid_size))
    var permissions = status.permissions
    permissions.mode |= status.flags
    out.store(permissions, key: status.key, identifier: status.identifier)
    out.store(UInt64(status.byteCount), Int(omega_shmid_segsz))
    out.store(status.attachTime, Int(omega_shmid_atime))
    out.store(status.detachTime, Int(omega_shmid_dtime))
    out.store(status.ctime, Int(omega_shmid_ctime))
    out.store(status.creatorPid, Int(omega_shmid_cpid))
    out.store(status.lastPid, Int(omega_shmid_lpid))
    out.store(UInt64(status.attachments), Int(omega_shmid_nattch))
  }

  /// Fills a `struct shminfo`; returns the highest index in use.
  private func segmentLimits(_ memory: UserMemory) throws(Errno) -> Int32 {
    let out = try memory.writable(Int(omega_shminfo_size))
    out.clear(Int(omega_shminfo_size))
    let limits = limits
    let fields: InlineArray<5, UInt> = [
      limits.segmentBytes, 1, UInt(limits.segments), UInt(limits.segments),
      limits.segmentPagesInAll,
    ]
    for index in 0..<5 { out.store(fields[index], 8 * index) }
    return Int32(census(SharedSegment.self).highestIndex)
  }

  /// Fills a `struct shm_info`; returns the highest index in use. Memory is claimed when a segment is made,
  /// so all of it counts as resident.
  private func segmentUsage(_ memory: UserMemory) throws(Errno) -> Int32 {
    let out = try memory.writable(Int(omega_shm_info_size))
    sweep(.now)
    let census = census(SharedSegment.self)
    var resident = 0
    forEachIndex(.segments) { index in resident += residentPages(index: index) }
    out.clear(Int(omega_shm_info_size))
    out.store(Int32(clamping: census.objects), 0)
    out.store(census.units, 8)
    out.store(resident, 16)
    return Int32(census.highestIndex)
  }

  /// Pages of a segment's data that have memory.
  func residentPages(index: Int) -> Int {
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, .segments, index: index)
    let usage = unsafe name.withText { unsafe omega_file_usage($0) }
    return max(0, Int(usage) / SegmentLayout.pageByteCount - 1)
  }
}

extension SegmentStatus {
  /// Of a segment that may not be opened: what changes with its use is not known.
  init(_ status: PublicStatus) {
    self.init(
      identifier: status.identifier, key: status.key, permissions: status.permissions, flags: 0,
      byteCount: status.size, attachments: 0, creatorPid: 0, lastPid: 0, attachTime: 0,
      detachTime: 0, ctime: status.ctime)
  }
}
