import COmegaLinux
import OmegaEngine

/// Mapping and unmapping a segment's data.
///
/// It is mapped again from the page of it that stands behind the segment's image in every mapping: this
/// needs no descriptor, and half the time of opening the file. Where another protection is asked for, or an
/// address, the file is opened anew; so the kernel refuses to make memory writable that was attached for
/// reading.
struct AttachedMemory {
  let address: UInt
  let byteCount: Int

  /// What `shmat` asks for.
  struct Wish {
    /// 0: anywhere.
    var address: UInt
    var flags: Int32

    var isReadOnly: Bool { flags & SegmentCallFlag.readOnly != 0 }
    var isExecutable: Bool { flags & SegmentCallFlag.execute != 0 }
    var replaces: Bool { flags & SegmentCallFlag.remap != 0 }

    /// Mode bits that the caller must have.
    var permissions: UInt32 {
      Permissions.read | (isReadOnly ? 0 : Permissions.alter) | (isExecutable ? 1 : 0)
    }
  }

  /// Throws EINVAL for an address in use, EIDRM when the segment's file is gone, or what mmap says.
  static func map(
    _ namespace: Namespace, _ handle: ObjectHandle<SharedSegment>, _ wish: Wish
  ) throws(Errno) -> AttachedMemory {
    // SAFETY: the handle is entered, and the page inside its mapping.
    let segment = unsafe handle.pointee.object
    let byteCount = segment.layout.mappedByteCount
    if wish.address == 0 && !wish.isReadOnly && !wish.isExecutable {
      let page = unsafe segment.image.address(SegmentLayout.dataOffset)
      let result = unsafe omega_map_again(page, byteCount)
      return AttachedMemory(address: try checked(result), byteCount: byteCount)
    }
    let descriptor = try unsafe open(namespace, handle, wish)
    defer { Kernel.close(descriptor) }
    let protection = 1 | (wish.isReadOnly ? 0 : 2) | (wish.isExecutable ? 4 : 0)
    // MAP_FIXED, or MAP_FIXED_NOREPLACE, which kernels before 4.17 take for a mere wish.
    let place = wish.address == 0 ? 0 : wish.replaces ? 0x10 : 0x100000
    let result = omega_call(
      omega_call_mmap, Int(bitPattern: wish.address), byteCount, protection,
      0x1 | 0x4000 | place, descriptor, SegmentLayout.dataOffset)
    if result == -17 { throw .invalid }  // EEXIST
    // mmap says ENOMEM for what is too long for the address space before it looks at what is there.
    if result == -12 && place == 0x100000 && isTaken(wish.address, byteCount) { throw .invalid }
    let memory = AttachedMemory(address: try checked(result), byteCount: byteCount)
    if wish.address != 0 && memory.address != wish.address {
      memory.unmapAll()
      throw .invalid
    }
    return memory
  }

  /// Whether a range wraps around or something is mapped in it, which Linux asks first.
  @inline(never)
  private static func isTaken(_ address: UInt, _ byteCount: Int) -> Bool {
    let (end, wraps) = address.addingReportingOverflow(UInt(byteCount))
    if wraps { return true }
    var walk = omega_mappings()
    // SAFETY: the structures outlive the calls.
    guard unsafe omega_open_mappings(&walk, 0) == 0 else { return false }
    defer { unsafe omega_close_mappings(&walk) }
    var mapping = omega_mapping()
    while unsafe omega_next_mapping(&walk, &mapping) != 0 {
      if mapping.start < end && mapping.end > address { return true }
    }
    return false
  }

  private static func checked(_ result: Int) throws(Errno) -> UInt {
    if result < 0 && result > -4096 { throw Errno(rawValue: Int32(-result)) }
    return UInt(bitPattern: result)
  }

  private static func open(
    _ namespace: Namespace, _ handle: ObjectHandle<SharedSegment>, _ wish: Wish
  ) throws(Errno) -> Int {
    // SAFETY: the namespace's path lives as long as the process; the handle is entered.
    let index = Int(unsafe handle.pointee.object.identifier) & 0x7FFF
    var name = unsafe Path(namespace.path, .segments, index: index)
    let access = wish.isReadOnly ? Open.readOnly : Open.readWrite
    let descriptor = unsafe name.withText {
      unsafe Kernel.open($0, access | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    }
    switch -descriptor {
    case ..<1: break
    case 13, 1: throw .accessDenied
    case 12, 23, 24: throw .noMemory  // ENOMEM, ENFILE, EMFILE
    default: throw .identifierRemoved
    }
    // The name may be another segment's by now.
    if Kernel.status(descriptor)?.inode == (unsafe handle.pointee.inode) { return descriptor }
    Kernel.close(descriptor)
    throw .identifierRemoved
  }

  func unmapAll() {
    _ = omega_call(
      omega_call_munmap, Int(bitPattern: address), byteCount, 0, 0, 0, 0)
  }

  /// Unmaps what of a piece is still the segment's: a program may have unmapped parts itself, and something
  /// else may stand there. False when nothing is left of it.
  static func unmap(_ piece: Attachment) -> Bool {
    // SAFETY: the caller's piece has an entered handle. The page is inside the image's mapping, and only
    // compared.
    let segment = unsafe piece.handle.pointee.object
    let memory = unsafe AttachedMemory(address: piece.start, byteCount: piece.byteCount)
    let page = unsafe segment.image.address(SegmentLayout.dataOffset)
    if unsafe piece.start == piece.base
      && omega_is_mapping_of(memory.address, memory.byteCount, page) != 0
    {
      memory.unmapAll()
      return true
    }
    return unsafe unmapParts(piece, segment)
  }

  @inline(never)
  private static func unmapParts(_ piece: Attachment, _ segment: SharedSegment) -> Bool {
    var own = omega_mapping()
    // SAFETY: the structures outlive the calls. What is unmapped are mappings of the segment's data that
    // stand where this attachment has put them, which is what shmdt unmaps.
    guard unsafe omega_find_mapping(segment.image.address(0), &own) == 0 else {
      // Without /proc nothing better is known.
      unsafe AttachedMemory(address: piece.start, byteCount: piece.byteCount).unmapAll()
      return true
    }
    var found = false
    while let part = unsafe nextPart(piece, own) {
      found = true
      let result = omega_call(
        omega_call_munmap, Int(bitPattern: part.start), Int(part.end - part.start), 0, 0, 0, 0)
      if result != 0 { break }
    }
    return found
  }

  /// The first mapping that is a part of the piece, of the file that `own` maps.
  private static func nextPart(_ piece: Attachment, _ own: omega_mapping) -> omega_mapping? {
    var walk = omega_mappings()
    // SAFETY: as above.
    guard unsafe omega_open_mappings(&walk, 0) == 0 else { return nil }
    defer { unsafe omega_close_mappings(&walk) }
    var mapping = omega_mapping()
    while unsafe omega_next_mapping(&walk, &mapping) != 0 {
      let distance = unsafe UInt64(mapping.start) &- UInt64(piece.base)
      if unsafe mapping.inode == own.inode && mapping.device == own.device
        && mapping.start >= piece.start && mapping.start < piece.end
        && mapping.offset == UInt64(SegmentLayout.dataOffset) + distance
      {
        return mapping
      }
    }
    return nil
  }
}

/// Flags of shmget and shmat (`<sys/shm.h>`).
enum SegmentCallFlag {
  static var readOnly: Int32 { 0o10000 }  // SHM_RDONLY
  static var round: Int32 { 0o20000 }  // SHM_RND
  static var remap: Int32 { 0o40000 }  // SHM_REMAP
  static var execute: Int32 { 0o100000 }  // SHM_EXEC
  static var hugePages: Int32 { 0o4000 }  // SHM_HUGETLB
  static var noReserve: Int32 { 0o10000 }  // SHM_NORESERVE
}
