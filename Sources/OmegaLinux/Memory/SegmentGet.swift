import COmegaLinux
import OmegaEngine

extension Namespace {
  /// `shmget` (shmget(2)): the identifier, or a negative errno.
  public func getSegment(key: Int32, byteCount: UInt, flags: Int32) -> Int32 {
    do throws(Errno) {
      sweep(.onceASecond)
      // A size that no segment has is larger than any existing one too.
      let size = Int(clamping: byteCount)
      return try get(SharedSegment.self, key: key, size: size, flags: flags) { () throws(Errno) in
        try createSegment(key: key, byteCount: byteCount, flags: flags)
      }
    } catch {
      return -error.rawValue
    }
  }

  /// Errors in Linux's order (newseg in ipc/shm.c).
  private func createSegment(
    key: Int32, byteCount: UInt, flags: Int32
  ) throws(Errno) -> Int32 {
    if byteCount == 0 || byteCount > limits.segmentBytes { throw .invalid }
    let size = Int(clamping: byteCount)
    let pages = SegmentLayout.pageCount(size)
    do throws(Errno) {
      try checkSegmentLimits(adding: pages)
      if byteCount > UInt(Int.max) { throw .invalid }
      if size > SegmentLayout.highestByteCount { throw .noMemory }
      try checkHugePages(flags, size)
      return try createSegment(key, size, flags)
    } catch  where error == .noSpace || error == .noMemory {
      // Perhaps the dead still hold what is missing.
      sweep(.now)
      try checkSegmentLimits(adding: pages)
      if size > SegmentLayout.highestByteCount { throw .noMemory }
      try checkHugePages(flags, size)
      return try createSegment(key, size, flags)
    }
  }

  private func createSegment(_ key: Int32, _ size: Int, _ flags: Int32) throws(Errno) -> Int32 {
    try createRenewable(
      SharedSegment.self, key: key, size: size, mode: UInt32(bitPattern: flags) & 0o777,
      claims: flags & SegmentCallFlag.noReserve == 0 ? .memory : .nothing)
  }

  private func checkSegmentLimits(adding pages: Int) throws(Errno) {
    try checkLimits(
      SharedSegment.self, adding: pages, objects: limits.segments,
      units: Int(clamping: limits.segmentPagesInAll))
  }

  /// SHM_HUGETLB: segments have no huge pages, so it is what Linux says when none is free: ENOMEM, or EINVAL
  /// for a size that the machine does not know. With SHM_NORESERVE Linux does not look for them yet: such a
  /// segment has ordinary pages.
  private func checkHugePages(_ flags: Int32, _ size: Int) throws(Errno) {
    if flags & SegmentCallFlag.hugePages == 0 { return }
    let pageByteCount = Int(omega_huge_page_size(UInt32(bitPattern: flags) >> 26 & 0x3F))
    if pageByteCount < 0 { throw .notImplemented }
    if pageByteCount == 0 { throw .invalid }
    let pages = size / pageByteCount + (size % pageByteCount == 0 ? 0 : 1)
    let (byteCount, isTooLarge) = pages.multipliedReportingOverflow(by: pageByteCount)
    if !Credentials().mayLockMemory
      && (isTooLarge || UInt64(byteCount) > Credentials.lockableBytes)
    {
      throw .notPermitted
    }
    if flags & SegmentCallFlag.noReserve == 0 { throw .noMemory }
  }
}
