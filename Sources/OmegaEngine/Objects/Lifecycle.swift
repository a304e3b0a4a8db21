/// What the control calls of all kinds do. Permissions are the caller's business.
extension IPCObject {
  /// IPC_SET: owner and mode, and the next permission generation.
  public func setPermissions<H: Host>(
    _ host: H, uid: UInt32, gid: UInt32, mode: UInt32
  ) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.write(UInt64(uid), Header.uid)
    section.write(UInt64(gid), Header.gid)
    section.write(UInt64(mode & 0o777), Header.mode)
    section.write(UInt64(bitPattern: host.now()), Header.ctime)
    section.write(ObjectState.nextGeneration(stateWord), Header.state)
    section.commit()
  }

  /// IPC_RMID: marks the object removed, runs `unlink` for its names, sends every sleeper EIDRM.
  ///
  /// Also finishes a removal that a death interrupted. Throws EIDRM when somebody else removed it and
  /// nothing was left to do.
  public func remove<H: Host>(_ host: H, unlink: () -> Void) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    let wasLive = section.isLive
    if wasLive {
      section.write(
        ObjectState.nextGeneration(stateWord) & ~0xFF | ObjectState.removed, Header.state)
      section.write(1, Header.needsServe)
      section.chooseGuardian()
      section.commit()
    }
    unlink()
    Self.serveEverybody(&section)
    if !wasLive { throw .identifierRemoved }
  }

  /// Whether the object exists, asked under the lock: a removal whose process died before it was
  /// committed is taken back there, while `stateWord` shows it already.
  public func isLiveAfterAll<H: Host>(_ host: H) -> Bool {
    guard var section = try? Section(self, host) else { return false }
    let isLive = section.isLive
    section.close()
    return isLive
  }

  /// Finishes the removal of an object that is marked removed: runs `unlink` for its names, sends the
  /// sleepers EIDRM. An object that lives, after all or anew, is left alone.
  public func finishRemoval<H: Host>(_ host: H, unlink: () -> Void) {
    guard var section = try? Section(self, host) else { return }
    defer { section.close() }
    if section.isLive { return }
    unlink()
    Self.serveEverybody(&section)
  }

  /// Runs `body` under the lock of a live object.
  public func holdStill<H: Host>(_ host: H, _ body: () -> Void) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    body()
  }

  /// Called by whoever maps an image that it has not made, before anything else is believed.
  public func announceSharer() {
    // A swap, not a store: the loads that follow must not be done before it.
    _ = image.swap32(1, Header.sharers)
  }
}
