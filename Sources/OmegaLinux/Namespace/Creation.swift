import COmegaLinux
import OmegaEngine

extension Namespace {
  /// Makes a set and its names; returns the identifier. Throws as `create(_:key:size:mode:)`.
  func create(key: Int32, semaphoreCount: Int, mode: UInt32) throws(Errno) -> Int32 {
    try checkLimits(adding: semaphoreCount)
    return try createRenewable(SemaphoreSet.self, key: key, size: semaphoreCount, mode: mode)
  }

  /// As `create(_:key:size:mode:)`, of a spare image where there is one.
  func createRenewable<Object: RenewableObject & StoredObject>(
    _ kind: Object.Type, key: Int32, size: Int, mode: UInt32, claims: Claims = .memory
  ) throws(Errno) -> Int32 {
    var header = NewHeader(kind, self, size: size, key: key, mode: mode)
    header.claims = claims
    var reserved: Int32?
    if let file: ImageFile<Object> = createFromSpare(size, &header, &reserved) {
      return try finishCreation(file, key: key)
    }
    let file: ImageFile<Object> = try createFile(size, &header, reserved)
    return try finishCreation(file, key: key)
  }

  /// Makes an object and its names; returns the identifier. The caller has checked the limits.
  ///
  /// The image is complete before it has a name. The name by index comes first; an object with a key
  /// exists when the key's link names it. Throws EEXIST when the key was taken meanwhile.
  func create<Object: StoredObject>(
    _ kind: Object.Type, key: Int32, size: Int, mode: UInt32
  ) throws(Errno) -> Int32 {
    var header = NewHeader(kind, self, size: size, key: key, mode: mode)
    let file: ImageFile<Object> = try createFile(size, &header, nil)
    return try finishCreation(file, key: key)
  }

  /// Makes the image in a new file and gives it its name by index. `reserved`: an identifier that is
  /// reserved already.
  private func createFile<Object>(
    _ size: Int, _ header: inout NewHeader, _ reserved: Int32?
  ) throws(Errno) -> ImageFile<Object> {
    let fileMode = Namespace.fileMode(header.mode)
    let fileByteCount = Object.fileByteCount(size: size)
    guard Namespace.mayHaveFile(of: fileByteCount) else { throw .noSpace }
    // SAFETY: the namespace's path lives as long as the process.
    let flags = Open.readWrite | Open.closeOnExec | Open.temporary
    let descriptor = unsafe Kernel.open(path, flags, mode: fileMode)
    guard descriptor >= 0 else { throw Namespace.creationError(descriptor) }
    defer { Kernel.close(descriptor) }
    guard Kernel.truncate(descriptor, fileByteCount) == 0 else { throw .noSpace }
    try Object.claimAtCreation(descriptor, size: size, header)
    header.identifier = reserved ?? reserveIdentifier(Object.kind)
    guard header.write(to: descriptor) else { throw .noSpace }
    guard let status = Kernel.status(descriptor) else { throw .noMemory }
    // The umask took something away.
    if status.mode & 0o777 != fileMode { _ = Kernel.changeMode(descriptor, fileMode) }
    // Mapped at once: an object is made to be used, and this saves opening it again.
    let byteCount = Object.imageByteCount(size: size)
    guard let memory = unsafe mapImage(descriptor, byteCount) else { throw .noMemory }
    let image = unsafe Image(base: memory, byteCount: byteCount)
    let file = ImageFile(object: Object(image: image, size: size), inode: status.inode)
    var taken = 0
    while true {
      let index = Int(header.identifier) & 0x7FFF
      let linked = linkImage(Object.kind, descriptor, index: index)
      if linked == 0 { return file }
      // Twice round all indices: every one of them is taken.
      guard linked == -17 && taken < 2 * Limit.indices else {
        unmapImage(file.object)
        throw Namespace.creationError(linked)
      }
      reapUnfinished(Object.self, index: index)
      taken += 1
      header.identifier = reserveIdentifier(Object.kind, taken: taken)
      guard header.write(to: descriptor) else {
        unmapImage(file.object)
        throw .noSpace
      }
    }
  }

  /// Gives an object that has its name by index its key, and this process its handle.
  private func finishCreation<Object>(
    _ file: ImageFile<Object>, key: Int32
  ) throws(Errno) -> Int32 {
    let identifier = file.identifier
    let size = Int(truncatingIfNeeded: file.object.image.load(Header.parameter))
    publishNewStatus(file.object)
    if key != privateKey {
      let keyed = linkKey(Object.kind, key, KeyLink(identifier: identifier, size: size))
      if keyed != 0 {
        abandon(file, identifier)
        throw keyed == -17 ? .exists : Namespace.creationError(keyed)
      }
    }
    countObject(Object.kind, units: Object.units(size: size), 1)
    // Without a place in the table (ENOMEM) the object is opened when it is used.
    if let handle = try? unsafe publish(file, index: Int(identifier) & 0x7FFF) {
      // SAFETY: entered.
      unsafe handle.pointee.isMaker = 1
      unsafe leave(handle)
    }
    return identifier
  }

  /// Gives the unnamed file its name by index: 0 or a negative errno.
  private func linkImage(_ kind: ObjectKind, _ descriptor: Int, index: Int) -> Int {
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, kind, index: index)
    let linked = unsafe name.withText { unsafe Kernel.link(descriptor: descriptor, $0) }
    if linked != -2 { return linked }
    // An older kernel wants the way through /proc.
    var own = Path(descriptor: descriptor)
    return unsafe own.withText { own in
      unsafe name.withText { unsafe Kernel.link(own, $0) }
    }
  }

  /// Takes the names of an object back whose key was taken meanwhile.
  private func abandon<Object>(_ file: ImageFile<Object>, _ identifier: Int32) {
    withdrawStatus(Object.kind, identifier)
    // SAFETY: as above.
    var name = unsafe Path(path, Object.kind, index: Int(identifier) & 0x7FFF)
    _ = unsafe name.withText { unsafe Kernel.unlink($0) }
    dropSpareName(Object.kind, inode: file.inode)
    unmapImage(file.object)
  }

  /// Makes the key's link: the moment at which an object with a key begins to exist.
  private func linkKey(_ kind: ObjectKind, _ key: Int32, _ link: KeyLink) -> Int {
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, kind, key: key)
    let numbers: InlineArray<2, UInt64> = [
      UInt64(UInt32(bitPattern: link.identifier)), UInt64(link.size),
    ]
    return unsafe name.withText { unsafe makeLink($0, numbers) }
  }

  /// Readers must be able to write the image too (the lock is in it): each class that may do anything
  /// gets both bits, and the owner always, to remove it. The engine checks the finer rights.
  static func fileMode(_ mode: UInt32) -> UInt32 {
    0o600 | (mode & 0o060 != 0 ? 0o060 : 0) | (mode & 0o006 != 0 ? 0o006 : 0)
  }

  /// RLIMIT_FSIZE would kill the program with SIGXFSZ: look before.
  static func mayHaveFile(of byteCount: Int) -> Bool {
    var limit: (soft: UInt64, hard: UInt64) = (0, 0)
    // SAFETY: prlimit fills two 64-bit words.
    let result = unsafe withUnsafeMutablePointer(to: &limit) { limit in
      omega_call(omega_call_prlimit, 0, 1, 0, Int(bitPattern: limit), 0, 0)
    }
    return result != 0 || limit.soft >= UInt64(byteCount)
  }

  static func creationError(_ result: Int) -> Errno {
    switch -result {
    case 13, 1, 30: .accessDenied  // EACCES, EPERM, EROFS: the directory is not ours to write
    case 12: .noMemory
    case 2, 20: .noEntry
    default: .noSpace  // ENOSPC, EDQUOT, EMFILE, ENFILE: no room for another object
    }
  }

  /// A name by index whose creator died before it gave the key, or whose remover died.
  func reapUnfinished<Object: StoredObject>(_ kind: Object.Type, index: Int) {
    // SAFETY: as above.
    var name = unsafe Path(path, Object.kind, index: index)
    guard let file = unsafe name.withText({ unsafe ImageFile<Object>.open($0) }) else { return }
    defer { file.unmap() }
    let isRemoved =
      ObjectState.of(file.object.stateWord) == ObjectState.removed
      && !file.object.isLiveAfterAll(LinuxHost())
    if isRemoved {
      finishRemoval(file)
    } else if isUnfinished(file) && file.creatorIsGone {
      try? file.object.remove(LinuxHost()) { unlinkNames(file.object, inode: file.inode) }
    }
  }
}

/// Whether a segment's memory is claimed when it is made.
enum Claims { case memory, nothing }

/// The first 512 bytes of a new image.
struct NewHeader {
  var claims = Claims.memory {
    didSet { self[Header.segmentFlags] = claims == .memory ? 0 : SegmentFlag.unclaimed }
  }
  private var words = InlineArray<64, UInt64>(repeating: 0)

  init<Object: StoredObject>(
    _ kind: Object.Type, _ namespace: Namespace, size: Int, key: Int32, mode: UInt32
  ) {
    let host = LinuxHost()
    let credentials = Credentials()
    let euid = UInt64(credentials.euid)
    let egid = UInt64(credentials.egid)
    self[Header.magic] = Object.magic
    self[Header.version] = Object.version
    self[Header.parameter] = UInt64(size)
    self[Header.key] = UInt64(UInt32(bitPattern: key))
    self[Header.state] = 0x100 | ObjectState.live
    self[Header.uid] = euid
    self[Header.cuid] = euid
    self[Header.gid] = egid
    self[Header.cgid] = egid
    self[Header.mode] = UInt64(mode & 0o777)
    self[Header.ctime] = UInt64(bitPattern: host.now())
    self[Header.creator] = UInt64(host.pid)
    self[Header.creatorStart] = host.startTime
    self[Header.journalClaimed] = UInt64(Object.journalEntriesAtCreation(size: size))
    Object.fill(&self, size: size, namespace)
  }

  var identifier: Int32 {
    get { Int32(truncatingIfNeeded: self[Header.identifier]) }
    set { self[Header.identifier] = UInt64(UInt32(bitPattern: newValue)) }
  }

  var mode: UInt32 { UInt32(truncatingIfNeeded: self[Header.mode]) }

  subscript(offset: Int) -> UInt64 {
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
