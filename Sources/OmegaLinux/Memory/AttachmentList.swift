import COmegaLinux
import OmegaEngine

/// One attachment of this process; or a piece of one, parts of which were covered by SHM_REMAP. As in the
/// kernel, whose mappings are the pieces, each of them counts.
@unsafe
struct Attachment {
  /// What `shmat` returned.
  var base: UInt
  /// Where the piece begins, and its size.
  var start: UInt
  var byteCount: Int
  /// Entered for as long as the piece lasts.
  var handle: ObjectHandle<SharedSegment>
  var namespace: Namespace
  /// The same for all pieces of an attachment.
  var number: UInt64

  var end: UInt { unsafe start + UInt(byteCount) }
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

  // SAFETY: for what follows: inside the list's memory, under its lock. Fresh memory is a free entry.
  private func entry(_ index: Int) -> UnsafeMutablePointer<Attachment?> {
    let first = unsafe UnsafeMutableRawPointer(head) + AttachmentList.headBytes
    return unsafe first.assumingMemoryBound(to: Attachment?.self) + index
  }

  var pid: UInt32 {
    get { unsafe head.pointee.pid }
    nonmutating set { unsafe head.pointee.pid = newValue }
  }

  /// Throws ENOMEM unless there is room for another.
  func ensureRoom() throws(Errno) {
    if unsafe head.pointee.inUse >= AttachmentList.capacity { throw .noMemory }
  }

  /// The number of the next attachment.
  func nextNumber() -> UInt64 {
    unsafe head.pointee.number += 1
    return unsafe head.pointee.number
  }

  /// Without room the piece is lost: it stays mapped, and counted until the process ends.
  func add(_ attachment: Attachment) {
    var index = unsafe head.pointee.high
    if unsafe head.pointee.inUse < index {
      index = 0
      while unsafe entry(index).pointee != nil { index += 1 }
    }
    guard index < AttachmentList.capacity else { return }
    unsafe attachment.handle.pointee.attachments += 1
    unsafe head.pointee.inUse += 1
    unsafe entry(index).pointee = attachment
    unsafe head.pointee.high = max(head.pointee.high, index + 1)
  }

  func remove(at index: Int) {
    guard let old = unsafe entry(index).pointee else { return }
    unsafe entry(index).pointee = nil
    unsafe old.handle.pointee.attachments -= 1
    unsafe head.pointee.inUse -= 1
    var high = unsafe head.pointee.high
    while unsafe high > 0 && entry(high - 1).pointee == nil { high -= 1 }
    unsafe head.pointee.high = high
  }

  func change(at index: Int, to attachment: Attachment) {
    unsafe entry(index).pointee = attachment
  }

  /// The number of the attachment that `shmdt` takes for an address: of those made there the one whose
  /// first piece stands lowest (ksys_shmdt in ipc/shm.c).
  func number(at base: UInt) -> UInt64? {
    var found: UInt64?
    var lowest = UInt.max
    unsafe visit { _, piece in
      if unsafe piece.base == base && piece.start < lowest {
        found = unsafe piece.number
        lowest = unsafe piece.start
      }
    }
    return found
  }

  /// Calls `body` with the index and the value of every piece; it may remove, change and add some.
  func visit(_ body: (Int, Attachment) -> Void) {
    for index in 0..<(unsafe head.pointee.high) {
      if let piece = unsafe entry(index).pointee { unsafe body(index, piece) }
    }
  }
}
