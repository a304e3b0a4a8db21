import COmegaLinux
import OmegaEngine

/// What a process keeps about an object it uses: the mapping, and the answers that need not be asked anew.
///
/// Changed under the process's lock, except for the words that say otherwise. Handles are never
/// returned to the system, so a stale pointer is at worst a handle of another object, which `tag` tells.
@unsafe
struct Handle<Object: StoredObject> {
  /// 1 + identifier of the object, 0 for none. Published last, with release.
  var tag: UInt32 = 0
  /// Calls that are inside (`enter` and `leave`); a mapping goes away only without users.
  var users: Int32 = 0
  /// `Header.state` for which `granted` was decided, at credential generation `generation`.
  var state: UInt64 = 0
  var granted: UInt32 = 0
  var generation: UInt32 = 0
  /// The process's member slot, or −1; counts only in the process `memberPid` (a fork has none).
  var member: Int32 = -1
  var memberPid: UInt32 = 0
  /// The member has an undo record. 0 or 1.
  var hasRecord: UInt32 = 0
  /// An operation with SEM_UNDO is between its steps, on another thread or below a signal handler.
  var undoBusy: UInt32 = 0
  /// A queue's sender takes the cell for its next message along. 0 or 1.
  var popsAhead: UInt32 = 0
  /// How long spinning has paid lately, in turns.
  var spin: Int32 = 0
  /// The object was removed while users were inside: the last one out unmaps it.
  var retired: UInt32 = 0
  /// The thread whose robust list holds the member's life word, 0 for none.
  var armedBy: UInt32 = 0
  /// This process made the object: nobody else has this mapping. 0 or 1.
  var isMaker: UInt32 = 0
  /// How often this process has a segment attached; and the member slot reserved for a child that is
  /// being forked, or −1. Under the lock of attachments.
  var attachments: Int32 = 0
  var reserved: Int32 = -1
  var inode: UInt64 = 0
  var object: Object
  var next: UnsafeMutablePointer<Handle>?
}

typealias ObjectHandle<Object: StoredObject> = UnsafeMutablePointer<Handle<Object>>
typealias HandlePointer = ObjectHandle<SemaphoreSet>

extension Namespace {
  /// The handle of an identifier that is mapped already, entered; nil sends the caller to `open`.
  @inline(__always)
  func enter(_ identifier: Int32) -> HandlePointer? {
    unsafe enter(identifier, SemaphoreSet.self)
  }

  @inline(__always)
  func enter<Object>(_ identifier: Int32, _ kind: Object.Type) -> ObjectHandle<Object>? {
    guard let handle = unsafe lookedUp(identifier, kind) else { return nil }
    unsafe Handle<Object>.addUser(handle, 1)
    if unsafe isHandle(handle, of: identifier) { return unsafe handle }
    unsafe leave(handle)
    return nil
  }

  /// What stands in the table. Count yourself in, then ask `isHandle`.
  @inline(__always)
  func lookedUp<Object>(_ identifier: Int32, _ kind: Object.Type) -> ObjectHandle<Object>? {
    // SAFETY: the table has an entry for every index, and handles are never freed.
    unsafe (Object.table(state) + Int(identifier & 0x7FFF)).pointee
  }

  /// Looked at after the count: whoever retires a handle takes it out of the table
  /// first and looks at the count then, so one of the two sees the other.
  @inline(__always)
  func isHandle<Object>(_ handle: ObjectHandle<Object>, of identifier: Int32) -> Bool {
    // SAFETY: as in `lookedUp`.
    unsafe (Object.table(state) + Int(identifier & 0x7FFF)).pointee == handle
      && handle.pointee.tag == UInt32(bitPattern: identifier) &+ 1
  }

  @inline(__always)
  func leave<Object>(_ handle: ObjectHandle<Object>) {
    // SAFETY: the caller entered it.
    unsafe Handle<Object>.addUser(handle, -1)
    if unsafe handle.pointee.retired != 0 { unsafe releaseRetired(handle) }
  }

  /// Takes a removed object out of the table; its memory goes when the last user leaves.
  @inline(never)
  func retire<Object>(_ handle: ObjectHandle<Object>) {
    let token = omega_lock_process()
    // SAFETY: under the process's lock; the caller has entered the handle, so it cannot go yet.
    let index = Int(unsafe handle.pointee.tag &- 1) & 0x7FFF
    let entry = unsafe Object.table(state) + index
    if unsafe entry.pointee == handle {
      unsafe entry.pointee = nil
      unsafe handle.pointee.retired = 1
    }
    omega_unlock_process(token)
  }

  @inline(never)
  func releaseRetired<Object>(_ handle: ObjectHandle<Object>) {
    let token = omega_lock_process()
    defer { omega_unlock_process(token) }
    // SAFETY: under the process's lock, out of the table and without users: nobody else has it.
    guard unsafe handle.pointee.retired != 0 && Handle<Object>.userCount(handle) == 0 else {
      return
    }
    let object = unsafe handle.pointee.object
    let pid = unsafe omega_identity().pointee.pid
    if unsafe handle.pointee.armedBy != 0 && handle.pointee.memberPid == pid {
      // The robust list's entry stands in the mapping. Where it cannot be taken out, the mapping stays.
      guard unsafe disarm(handle) else { return }
    }
    unsafe handle.pointee.retired = 0
    unsafe handle.pointee.tag = 0
    if unsafe !Object.keepImage(self, handle) { unmapImage(object) }
    let supply = unsafe Object.supply(state)
    unsafe handle.pointee.next = supply.pointee.free?.assumingMemoryBound(to: Handle<Object>.self)
    unsafe supply.pointee.free = UnsafeMutableRawPointer(handle)
  }

  /// Takes a handle's life word out of the robust list of the thread that put it there. False on
  /// another thread, and when its neighbours are not entries of ours, or the links were scribbled on.
  private func disarm<Object>(_ handle: ObjectHandle<Object>) -> Bool {
    // SAFETY: under the process's lock. Links are followed only to the list's head or to words of
    // handles that this thread armed, whose mappings stay.
    guard unsafe handle.pointee.armedBy == omega_thread().pointee.tid,
      let head = unsafe omega_thread().pointee.robust
    else { return false }
    let life = unsafe Namespace.lifeWord(handle)
    var previous: UInt = 0
    var next: UInt = 0
    unsafe omega_robust_links(life, &previous, &next)
    guard unsafe isLink(previous, head), unsafe isLink(next, head) else { return false }
    guard unsafe omega_robust_remove(life, previous, next) != 0 else { return false }
    unsafe omega_thread().pointee.armed -= 1
    return true
  }

  private static func lifeWord<Object>(_ handle: ObjectHandle<Object>) -> UnsafeMutableRawPointer {
    // SAFETY: a word of a mapping that lives as long as the handle is in use.
    let object = unsafe handle.pointee.object
    return unsafe object.image.address(
      object.frame.member(Int(handle.pointee.member)) &+ Member.life)
  }

  /// Whether an address is this list's head or a node that this thread put into it.
  private func isLink(_ address: UInt, _ head: UnsafeMutablePointer<omega_robust_head>) -> Bool {
    // SAFETY: only numbers are compared.
    if address == UInt(bitPattern: head) { return true }
    return isLink(address, SemaphoreSet.self) || isLink(address, MessageQueue.self)
      || isLink(address, SharedSegment.self)
  }

  private func isLink<Object: StoredObject>(_ address: UInt, _ kind: Object.Type) -> Bool {
    // SAFETY: only numbers are compared.
    let tid = unsafe omega_thread().pointee.tid
    let pid = unsafe omega_identity().pointee.pid
    for index in 0..<(unsafe Object.supply(state).pointee.pooled) {
      let handle = unsafe Object.pool(state) + index
      if unsafe handle.pointee.tag != 0 && handle.pointee.armedBy == tid
        && handle.pointee.memberPid == pid
        && UInt(bitPattern: Namespace.lifeWord(handle)) &+ 32 == address
      {
        return true
      }
    }
    return false
  }

  /// A fresh handle; nil when 36,000 are in use. Under the process's lock.
  func newHandle<Object>(_ kind: Object.Type) -> ObjectHandle<Object>? {
    // SAFETY: under the process's lock; the pool has `poolCount` places.
    let supply = unsafe Object.supply(state)
    if let raw = unsafe supply.pointee.free {
      let handle = unsafe raw.assumingMemoryBound(to: Handle<Object>.self)
      unsafe supply.pointee.free = unsafe handle.pointee.next.map { UnsafeMutableRawPointer($0) }
      return unsafe handle
    }
    let used = unsafe supply.pointee.pooled
    guard used < Namespace.poolCount else { return nil }
    unsafe supply.pointee.pooled = used + 1
    return unsafe Object.pool(state) + used
  }
}

extension Handle where Object == SemaphoreSet {
  var set: SemaphoreSet {
    @inline(__always) get { unsafe object }
  }
}

extension Handle {
  /// Counts users: a plain addition in a process of one thread, where only signal handlers come in
  /// between and these end first; otherwise atomic and ordered before the second look at the table.
  @inline(__always)
  static func addUser(_ handle: ObjectHandle<Object>, _ change: Int32) {
    if omega_single_threaded() != 0 {
      // SAFETY: handles are never freed.
      unsafe handle.pointee.users &+= change
    } else {
      _ = unsafe withUnsafeMutablePointer(to: &handle.pointee.users) {
        unsafe omega_add_users($0, change)
      }
    }
  }

  /// As `addUser` of 1, for one who may count himself out with `countOut`: that stores the old count
  /// in a process of one thread, so no call has to wait for the count of the one before.
  @inline(__always)
  static func countIn(_ handle: ObjectHandle<Object>) -> Int32 {
    // SAFETY: handles are never freed.
    let users = unsafe handle.pointee.users
    if omega_single_threaded() != 0 {
      unsafe handle.pointee.users = users &+ 1
      omega_compiler_barrier()
    } else {
      unsafe addUser(handle, 1)
    }
    return users
  }

  @inline(__always)
  static func countOut(_ handle: ObjectHandle<Object>, _ users: Int32) {
    if omega_single_threaded() != 0 {
      omega_compiler_barrier()
      // SAFETY: as above.
      unsafe handle.pointee.users = users
    } else {
      unsafe addUser(handle, -1)
    }
  }

  static func userCount(_ handle: ObjectHandle<Object>) -> Int32 {
    // SAFETY: as above.
    unsafe withUnsafeMutablePointer(to: &handle.pointee.users) { unsafe omega_add_users($0, 0) }
  }
}
