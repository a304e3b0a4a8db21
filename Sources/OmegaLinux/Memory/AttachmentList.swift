import COmegaLinux
import OmegaEngine

/// One attachment of this process.
@unsafe
struct Attachment {
  /// Where it begins; 0 for a free entry. Stored last and cleared first.
  var address: UInt = 0
  var byteCount = 0
  /// Entered for as long as the entry is used.
  var handle: ObjectHandle<SharedSegment>?
  var namespace: UnsafeMutablePointer<NamespaceState>?
  /// Later ones have higher numbers: of two at one address the later is the visible one.
  var number: UInt64 = 0
}

/// What memory this process has attached, in memory of its own. A child inherits it with the memory.
///
/// Changed under the lock of attachments (`omega_lock_attachments`).
@safe
struct AttachmentList {
  // SAFETY: points to the list's memory, which is never freed; `capacity` entries stand behind the head.
  private let head: UnsafeMutablePointer<Head>

  @unsafe
  private struct Head {
    /// Entries 0..<high may be in use.
    var high = 0
    var inUse = 0
    var number: UInt64 = 0
    /// The process whose attachments are counted in the segments: a child counts its own first.
    var pid: UInt32 = 0
  }

  /// More than there can be mappings (vm.max_map_count).
  static var capacity: Int { 1 << 17 }
  private static var headBytes: Int { 4096 }

  /// The list, if the process or one it descends from has attached anything.
  static var ofProcess: AttachmentList? {
    // SAFETY: only ever set below.
    unsafe omega_attachments().map {
      unsafe AttachmentList(head: $0.assumingMemoryBound(to: Head.self))
    }
  }

  /// The list, made if it is not there. Under the lock of attachments.
  static func make() throws(Errno) -> AttachmentList {
    if let list = ofProcess { return list }
    // SAFETY: fresh memory; only what is used of it takes room.
    let byteCount = unsafe headBytes + capacity * MemoryLayout<Attachment>.stride
    guard let memory = unsafe Kernel.map(-1, byteCount) else { throw .noMemory }
    let head = unsafe memory.assumingMemoryBound(to: Head.self)
    unsafe head.initialize(to: Head())
    unsafe head.pointee.pid = LinuxHost().pid
    unsafe omega_set_attachments(memory)
    return unsafe AttachmentList(head: head)
  }

  private init(head: UnsafeMutablePointer<Head>) { unsafe self.head = head }

  // SAFETY: for what follows: inside the list's memory, under its lock.
  private func entry(_ index: Int) -> UnsafeMutablePointer<Attachment> {
    let first = unsafe UnsafeMutableRawPointer(head) + AttachmentList.headBytes
    return unsafe first.assumingMemoryBound(to: Attachment.self) + index
  }

  var isEmpty: Bool { unsafe head.pointee.inUse == 0 }

  var pid: UInt32 {
    get { unsafe head.pointee.pid }
    nonmutating set { unsafe head.pointee.pid = newValue }
  }

  /// A free entry's index; ENOMEM when there is none.
  func reserve() throws(Errno) -> Int {
    let high = unsafe head.pointee.high
    if unsafe head.pointee.inUse < high {
      for index in 0..<high where unsafe entry(index).pointee.address == 0 { return index }
    }
    guard high < AttachmentList.capacity else { throw .noMemory }
    return high
  }

  func add(
    at index: Int, address: UInt, byteCount: Int, _ handle: ObjectHandle<SharedSegment>,
    _ namespace: Namespace
  ) {
    let entry = unsafe entry(index)
    let number = unsafe head.pointee.number + 1
    unsafe head.pointee.number = number
    unsafe entry.pointee.byteCount = byteCount
    unsafe entry.pointee.handle = handle
    unsafe entry.pointee.namespace = namespace.state
    unsafe entry.pointee.number = number
    unsafe handle.pointee.attachments += 1
    unsafe head.pointee.inUse += 1
    unsafe head.pointee.high = max(head.pointee.high, index + 1)
    unsafe entry.pointee.address = address
  }

  func remove(at index: Int) {
    let entry = unsafe entry(index)
    guard unsafe entry.pointee.address != 0 else { return }
    unsafe entry.pointee.address = 0
    if let handle = unsafe entry.pointee.handle { unsafe handle.pointee.attachments -= 1 }
    unsafe head.pointee.inUse -= 1
    var high = unsafe head.pointee.high
    while unsafe high > 0 && self.entry(high - 1).pointee.address == 0 { high -= 1 }
    unsafe head.pointee.high = high
  }

  /// The latest attachment that begins at an address.
  func find(_ address: UInt) -> Int? {
    var found: Int?
    var number: UInt64 = 0
    for index in 0..<(unsafe head.pointee.high)
    where unsafe entry(index).pointee.address == address && entry(index).pointee.number > number {
      found = index
      number = unsafe entry(index).pointee.number
    }
    return address == 0 ? nil : found
  }

  subscript(index: Int) -> Attachment {
    get { unsafe entry(index).pointee }
  }

  /// Calls `body` with the index and the attachment of every entry in use; it may remove them.
  func visit(_ body: (Int, Attachment) -> Void) {
    for index in 0..<(unsafe head.pointee.high) where unsafe entry(index).pointee.address != 0 {
      unsafe body(index, entry(index).pointee)
    }
  }
}
