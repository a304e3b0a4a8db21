import COmegaLinux
import OmegaEngine

extension Namespace {
  /// Makes a set and its names; returns the identifier.
  ///
  /// The image is complete before it has a name. The name by index comes first; a set with a key
  /// exists when the key's link names it. Throws EEXIST when the key was taken meanwhile.
  func create(key: Int32, semaphoreCount: Int, mode: UInt32) throws(Errno) -> Int32 {
    try checkLimits(adding: semaphoreCount)
    let layout = SetLayout(semaphoreCount: semaphoreCount)
    guard Namespace.mayHaveFile(of: layout.fileByteCount) else { throw .noSpace }
    // SAFETY: the namespace's path lives as long as the process.
    let flags = Open.readWrite | Open.closeOnExec | Open.temporary
    let descriptor = unsafe Kernel.open(path, flags, mode: 0o600)
    guard descriptor >= 0 else { throw Namespace.creationError(descriptor) }
    defer { Kernel.close(descriptor) }
    _ = Kernel.changeMode(descriptor, Namespace.fileMode(mode))
    let first = layout.claimedAtCreation
    guard Kernel.truncate(descriptor, layout.fileByteCount) == 0,
      Kernel.allocate(descriptor, first) == 0
    else { throw .noSpace }

    let credentials = Credentials()
    var own = Path(descriptor: descriptor)
    while true {
      let (index, identifier) = reserveIdentifier()
      let header = NewHeader(
        layout: layout, identifier: identifier, key: key, mode: mode, credentials: credentials)
      guard header.write(to: descriptor) else { throw .noSpace }
      // SAFETY: as above.
      var name = unsafe Path(path, .semaphores, index: index)
      let linked = unsafe own.withText { own in
        unsafe name.withText { unsafe Kernel.link(own, $0) }
      }
      if linked == -17 {
        reapUnfinished(index: index)
        continue
      }
      guard linked == 0 else { throw Namespace.creationError(linked) }
      if key != privateKey {
        let keyed = linkKey(key, KeyLink(identifier: identifier, size: semaphoreCount))
        if keyed != 0 {
          _ = unsafe name.withText { unsafe Kernel.unlink($0) }
          throw keyed == -17 ? .exists : Namespace.creationError(keyed)
        }
      }
      countSet(semaphores: semaphoreCount, 1)
      return identifier
    }
  }

  /// Makes the key's link: the moment at which a set with a key begins to exist.
  private func linkKey(_ key: Int32, _ link: KeyLink) -> Int {
    // SAFETY: the namespace's path lives as long as the process; the text fits its buffer.
    var name = unsafe Path(path, .semaphores, key: key)
    var text = InlineArray<32, CChar>(repeating: 0)
    return unsafe withUnsafeMutablePointer(to: &text) { out in
      let out = unsafe UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self)
      unsafe omega_link_text(out, UInt32(bitPattern: link.identifier), UInt32(link.size))
      return unsafe name.withText { unsafe Kernel.symlink(out, $0) }
    }
  }

  /// Readers must be able to write the image too (the lock is in it): each class that may do anything
  /// gets both bits, and the owner always, to remove it. The engine checks the finer rights.
  static func fileMode(_ mode: UInt32) -> UInt32 {
    0o600 | (mode & 0o060 != 0 ? 0o060 : 0) | (mode & 0o006 != 0 ? 0o006 : 0)
  }

  /// RLIMIT_FSIZE would kill the program with SIGXFSZ: look before.
  private static func mayHaveFile(of byteCount: Int) -> Bool {
    var limit: (soft: UInt64, hard: UInt64) = (0, 0)
    // SAFETY: prlimit fills two 64-bit words.
    let result = unsafe withUnsafeMutablePointer(to: &limit) { limit in
      omega_call(omega_call_prlimit, 0, 1, 0, Int(bitPattern: limit), 0, 0)
    }
    return result != 0 || limit.soft >= UInt64(byteCount)
  }

  private static func creationError(_ result: Int) -> Errno {
    switch -result {
    case 13, 1, 30: .accessDenied  // EACCES, EPERM, EROFS: the directory is not ours to write
    case 12: .noMemory
    case 2, 20: .noEntry
    default: .noSpace  // ENOSPC, EDQUOT, EMFILE, ENFILE: no room for another object
    }
  }

  /// A name by index whose creator died before it gave the key.
  private func reapUnfinished(index: Int) {
    // SAFETY: as above.
    var name = unsafe Path(path, .semaphores, index: index)
    guard let file = unsafe name.withText({ unsafe ImageFile.open($0) }) else { return }
    defer { file.unmap() }
    if isUnfinished(file) && file.creatorIsGone {
      _ = unsafe name.withText { unsafe Kernel.unlink($0) }
    }
  }
}

extension SetLayout {
  /// The header, the cells and the first journal entries: what must have memory from the start.
  var claimedAtCreation: Int { (cell(semaphoreCount) + 1024 + 4095) / 4096 * 4096 }
  /// Journal entries in there.
  var journalEntriesAtCreation: Int {
    min((claimedAtCreation - cell(semaphoreCount)) / 16, journalCapacity)
  }
}

/// The first 512 bytes of a new image.
private struct NewHeader {
  private var words = InlineArray<64, UInt64>(repeating: 0)

  init(
    layout: SetLayout, identifier: Int32, key: Int32, mode: UInt32, credentials: Credentials
  ) {
    let host = LinuxHost()
    self[Header.magic] = SetLayout.magic
    self[Header.version] = SetLayout.version
    self[Header.semaphoreCount] = UInt64(layout.semaphoreCount)
    self[Header.identifier] = UInt64(UInt32(bitPattern: identifier))
    self[Header.key] = UInt64(UInt32(bitPattern: key))
    self[Header.state] = 0x100 | SetState.live
    self[Header.uid] = UInt64(credentials.euid)
    self[Header.cuid] = UInt64(credentials.euid)
    self[Header.gid] = UInt64(credentials.egid)
    self[Header.cgid] = UInt64(credentials.egid)
    self[Header.mode] = UInt64(mode & 0o777)
    self[Header.ctime] = UInt64(bitPattern: host.now())
    self[Header.creator] = UInt64(host.pid)
    self[Header.creatorStart] = host.startTime
    self[Header.journalClaimed] = UInt64(layout.journalEntriesAtCreation)
  }

  private subscript(offset: Int) -> UInt64 {
    get { words[offset / 8] }
    set { words[offset / 8] = newValue }
  }

  func write(to descriptor: Int) -> Bool {
    // SAFETY: 512 bytes of our own.
    let written = unsafe withUnsafePointer(to: words) {
      unsafe Kernel.write(descriptor, UnsafeRawPointer($0), 512, at: 0)
    }
    return written == 512
  }
}
