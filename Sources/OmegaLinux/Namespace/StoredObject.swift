import COmegaLinux
import OmegaEngine

/// A kind of object that stands in files of a namespace.
protocol StoredObject: IPCObject {
  static var kind: ObjectKind { get }
  static var magic: UInt64 { get }
  static var version: UInt64 { get }

  /// Mode bits that mean something: reading and writing, of segments executing too.
  static var meaningfulBits: UInt32 { get }

  /// A view of a mapped image; `size` is what `ObjectKind.size(ofFile:)` tells.
  init(image: Image, size: Int)
  /// Bytes to map for the engine, and of the file.
  static func imageByteCount(size: Int) -> Int
  static func fileByteCount(size: Int) -> Int
  /// Bytes that must have memory from the start, and the journal's entries in them.
  static func claimedAtCreation(size: Int) -> Int
  static func claimAtCreation(_ descriptor: Int, size: Int, _ header: NewHeader) throws(Errno)
  static func journalEntriesAtCreation(size: Int) -> Int
  /// What the kind counts besides objects: semaphores, pages.
  static func units(size: Int) -> Int

  /// Words of the kind in a new header.
  static func fill(_ header: inout NewHeader, size: Int, _ namespace: Namespace)

  /// Makes what of a spare image the engine does not write as if it were new; false when that cannot be.
  static func clean(_ object: Self) -> Bool

  /// Before the file of a removed object loses its name. Under the object's lock.
  static func willUnlink(_ namespace: Namespace, _ object: Self, inode: UInt64, index: Int)
  /// The last user of a removed object has left: true when its mapping is kept. Under the process's
  /// lock.
  static func keepImage(_ namespace: Namespace, _ handle: UnsafeMutablePointer<Handle<Self>>)
    -> Bool
}

extension StoredObject {
  // SAFETY: for both: the kind's part of the namespace's memory, which lives as long as the process.
  @inline(__always)
  static func table(
    _ state: UnsafeMutablePointer<NamespaceState>
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<Handle<Self>>?> {
    unsafe (state.pointee.tables + kind.number * Namespace.tableByteCount)
      .assumingMemoryBound(to: UnsafeMutablePointer<Handle<Self>>?.self)
  }

  static func pool(
    _ state: UnsafeMutablePointer<NamespaceState>
  ) -> UnsafeMutablePointer<Handle<Self>> {
    unsafe (state.pointee.pools + kind.number * Namespace.poolByteCount)
      .assumingMemoryBound(to: Handle<Self>.self)
  }

  static func supply(
    _ state: UnsafeMutablePointer<NamespaceState>
  ) -> UnsafeMutablePointer<HandleSupply> {
    // SAFETY: as above; both pages have room behind what else stands in them.
    let page =
      unsafe kind == .segments
      ? UnsafeMutableRawPointer(state) : UnsafeMutableRawPointer(state.pointee.recent)
    return unsafe (page + 2048 + 64 * kind.number).assumingMemoryBound(to: HandleSupply.self)
  }

  static var meaningfulBits: UInt32 { 0o6 }
  /// The size that a `*get` call compares; a damaged one does no harm.
  static func size(of object: Self) -> Int {
    Int(truncatingIfNeeded: object.image.load(Header.parameter))
  }
  static func claimAtCreation(_ descriptor: Int, size: Int, _ header: NewHeader) throws(Errno) {
    // Writing the header claims the first page.
    let claimed = claimedAtCreation(size: size)
    if claimed > 4096 && Kernel.allocate(descriptor, claimed) != 0 { throw .noSpace }
  }
  static func willUnlink(_ namespace: Namespace, _ object: Self, inode: UInt64, index: Int) {}
  static func keepImage(
    _ namespace: Namespace, _ handle: UnsafeMutablePointer<Handle<Self>>
  ) -> Bool {
    false
  }
  static func clean(_ object: Self) -> Bool { true }
  static func fill(_ header: inout NewHeader, size: Int, _ namespace: Namespace) {}
}

extension ObjectKind {
  /// The size of the object whose file has so many bytes; 0 for a file that is none.
  func size(ofFile byteCount: Int) -> Int {
    switch self {
    case .semaphores: SetLayout.semaphoreCount(ofFile: byteCount)
    case .queues: QueueLayout.size(ofFile: byteCount)
    case .segments: SegmentLayout.byteCount(ofFile: byteCount)
    }
  }

  /// Where the kind's words stand in the `sequence` file.
  var sequenceOffset: Int {
    switch self {
    case .semaphores: 0
    case .queues: 64
    case .segments: 128
    }
  }

  static var count: Int { 3 }

  /// The kind's place among the pools of handles.
  var number: Int { sequenceOffset / 64 }
}

extension SemaphoreSet: StoredObject {
  static var kind: ObjectKind { .semaphores }
  static var magic: UInt64 { SetLayout.magic }
  static var version: UInt64 { SetLayout.version }

  init(image: Image, size: Int) {
    self.init(image: image, layout: SetLayout(semaphoreCount: size))
  }

  static func imageByteCount(size: Int) -> Int { SetLayout(semaphoreCount: size).byteCount }
  static func fileByteCount(size: Int) -> Int { SetLayout(semaphoreCount: size).fileByteCount }
  static func units(size: Int) -> Int { size }

  /// The header, the cells and the first journal entries.
  static func claimedAtCreation(size: Int) -> Int {
    (SetLayout(semaphoreCount: size).cell(size) + 1024 + 4095) / 4096 * 4096
  }

  static func journalEntriesAtCreation(size: Int) -> Int {
    let layout = SetLayout(semaphoreCount: size)
    return min(
      (claimedAtCreation(size: size) - layout.cell(size)) / 16, layout.frame.journalCapacity)
  }

  static func willUnlink(
    _ namespace: Namespace, _ object: SemaphoreSet, inode: UInt64, index: Int
  ) {
    namespace.giveSpareName(object, inode: inode, index: index)
  }

  static func keepImage(
    _ namespace: Namespace, _ handle: UnsafeMutablePointer<Handle<SemaphoreSet>>
  ) -> Bool {
    unsafe namespace.keepSpare(handle)
  }
}
