import COmegaLinux
import OmegaEngine

extension SharedSegment: StoredObject {
  static var kind: ObjectKind { .segments }
  static var magic: UInt64 { SegmentLayout.magic }
  static var version: UInt64 { SegmentLayout.version }
  /// SHM_EXEC asks for the third.
  static var meaningfulBits: UInt32 { 0o7 }

  init(image: Image, size: Int) {
    self.init(image: image, layout: SegmentLayout(byteCount: size))
  }

  static func imageByteCount(size: Int) -> Int { SegmentLayout.imageByteCount }
  static func fileByteCount(size: Int) -> Int { SegmentLayout(byteCount: size).fileByteCount }
  /// The header's page, with the journal and the first members.
  static func claimedAtCreation(size: Int) -> Int { 4096 }
  static func journalEntriesAtCreation(size: Int) -> Int { SegmentLayout.journalCapacity }
  static func units(size: Int) -> Int { SegmentLayout.pageCount(size) }

  /// The memory itself, so that a full file system is an error here and not a signal later.
  static func claimAtCreation(_ descriptor: Int, size: Int, _ header: NewHeader) throws(Errno) {
    if header.claims == .nothing { return }
    let byteCount = SegmentLayout(byteCount: size).mappedByteCount
    guard SharedSegment.mayClaim(byteCount) else { throw .noMemory }
    let result = omega_call(
      omega_call_fallocate, descriptor, 0, SegmentLayout.dataOffset, byteCount, 0, 0)
    if result != 0 { throw .noMemory }
  }

  /// Claiming more than there is would end other processes before it failed.
  private static func mayClaim(_ byteCount: Int) -> Bool {
    if byteCount < 16 << 20 { return true }
    let available = omega_available_memory()
    return available < 0 || byteCount < available
  }

  static func willUnlink(
    _ namespace: Namespace, _ object: SharedSegment, inode: UInt64, index: Int
  ) {
    namespace.giveSpareName(object, inode: inode, index: index)
  }

  static func keepImage(
    _ namespace: Namespace, _ handle: UnsafeMutablePointer<Handle<SharedSegment>>
  ) -> Bool {
    unsafe namespace.keepSpare(handle)
  }

  /// The data of the segment that the image was before.
  static func clean(_ object: SharedSegment) -> Bool {
    let page = SegmentLayout.pageByteCount
    let byteCount = object.layout.mappedByteCount
    // SAFETY: the image is ours alone; its mapping ends with the first page of the data.
    let first = unsafe object.image.address(SegmentLayout.dataOffset)
    unsafe omega_clear(first, page)
    if byteCount == page { return true }
    let all = unsafe omega_map_again(first, byteCount)
    guard all > 0, let memory = unsafe UnsafeMutableRawPointer(bitPattern: all) else {
      return false
    }
    unsafe omega_clear(memory + page, byteCount - page)
    unsafe Kernel.unmap(memory, byteCount)
    return true
  }
}
