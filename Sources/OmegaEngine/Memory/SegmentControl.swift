/// The control commands of a segment. Permissions are the caller's business. All settle the dead first, so
/// they see the segment as Linux would.
extension SharedSegment {
  /// IPC_RMID: removes the segment, or marks it for removal while somebody has it attached. `unlink` takes
  /// all names away, `unlinkKey` that of the key alone. Throws EIDRM when it was gone.
  public func removeOrDoom<H: Host>(
    _ host: H, unlink: () -> Void, unlinkKey: (Int32) -> Void
  ) throws(Errno) -> SegmentFate {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isThere else { throw .identifierRemoved }
    if attachmentCount == 0 {
      section.end(unlink)
      return .ends
    }
    let key = self.key
    section.write(image.load(Header.segmentFlags) | SegmentFlag.doomed, Header.segmentFlags)
    section.write(0, Header.key)
    section.commit()
    unlinkKey(key)
    return .stays
  }

  /// Removes a segment whose fate it is, if it still is. True when it is removed, by us or by another.
  public func end<H: Host>(_ host: H, unlink: () -> Void) -> Bool {
    guard var section = try? Section(self, host) else { return false }
    defer { section.close() }
    if !section.isLive { return true }
    guard section.fate == .ends else { return false }
    section.end(unlink)
    return true
  }

  /// SHM_LOCK and SHM_UNLOCK: the mark alone.
  public func setLocked<H: Host>(_ host: H, _ flags: UInt64) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isThere else { throw .identifierRemoved }
    let others = image.load(Header.segmentFlags) & ~SegmentFlag.locked
    section.write(others | flags & SegmentFlag.locked, Header.segmentFlags)
    section.commit()
  }

  /// IPC_STAT. Throws EIDRM when the segment is gone.
  public func status<H: Host>(_ host: H) throws(Errno) -> SegmentStatus {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isThere else { throw .identifierRemoved }
    return statusNow()
  }

  /// As `status`, without the lock: for permission checks and listings.
  public func statusNow() -> SegmentStatus {
    SegmentStatus(
      identifier: identifier, key: key, permissions: permissions,
      flags: UInt32(truncatingIfNeeded: image.load(Header.segmentFlags)) & 0o3000,
      byteCount: layout.byteCount, attachments: attachmentCount,
      creatorPid: UInt32(truncatingIfNeeded: image.load(Header.creator)),
      lastPid: UInt32(truncatingIfNeeded: image.load(Header.lastPid)),
      attachTime: Int64(bitPattern: image.load(Header.attachTime)),
      detachTime: Int64(bitPattern: image.load(Header.detachTime)),
      ctime: Int64(bitPattern: image.load(Header.ctime)))
  }

  /// Calls `body` for every process that has the segment attached. Inside the section, so it only takes
  /// notes.
  public func inspect<H: Host>(
    _ host: H, _ body: (AttachedProcess) -> Void
  ) throws(Errno) -> SegmentStatus {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isThere else { throw .identifierRemoved }
    for slot in 0..<memberHigh where memberPid(slot) != 0 {
      let word = image.load(frame.member(slot) + Member.attachments)
      if word == 0 { continue }
      body(
        AttachedProcess(
          pid: memberPid(slot), attachments: Int(word & 0xFFFF_FFFF), since: Int64(word >> 32)))
    }
    return statusNow()
  }
}

extension Section where Object == SharedSegment {
  fileprivate mutating func end(_ unlink: () -> Void) {
    write(
      ObjectState.nextGeneration(object.stateWord) & ~0xFF | ObjectState.removed, Header.state)
    commit()
    unlink()
  }
}

/// A process that has a segment attached.
public struct AttachedProcess: Sendable {
  public var pid: UInt32
  public var attachments: Int
  /// When it attached the segment, or was forked with it, in seconds since 1970.
  public var since: Int64
}

/// `struct shmid_ds` without its layout.
public struct SegmentStatus: Sendable {
  public var identifier: Int32
  public var key: Int32
  public var permissions: Permissions
  /// `SegmentFlag`s.
  public var flags: UInt32
  public var byteCount: Int
  public var attachments: Int
  public var creatorPid: UInt32
  public var lastPid: UInt32
  /// Seconds since 1970, 0 for never.
  public var attachTime: Int64
  public var detachTime: Int64
  public var ctime: Int64

  public init(
    identifier: Int32, key: Int32, permissions: Permissions, flags: UInt32, byteCount: Int,
    attachments: Int, creatorPid: UInt32, lastPid: UInt32, attachTime: Int64, detachTime: Int64,
    ctime: Int64
  ) {
    self.identifier = identifier
    self.key = key
    self.permissions = permissions
    self.flags = flags
    self.byteCount = byteCount
    self.attachments = attachments
    self.creatorPid = creatorPid
    self.lastPid = lastPid
    self.attachTime = attachTime
    self.detachTime = detachTime
    self.ctime = ctime
  }
}
