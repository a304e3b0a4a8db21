import COmegaLinux
import OmegaEngine

extension LinuxHost {
  public var programNumber: UInt64 { omega_program() }

  /// A process that called exec has the same pid and start time as before. Its first thread tells it, for
  /// the kernel marks the life word of a thread that calls exec or ends, and this one lives. Of another
  /// thread's word only a look at the mappings tells, where they may be looked at.
  public func hasUnmapped(_ segment: Image, pid: UInt32, life: UInt32) -> Bool {
    if life & Futex.ownerDied != 0 && life & Futex.ownerMask == pid {
      var stat = omega_stat()
      // SAFETY: the structure outlives the call.
      if unsafe omega_read_stat(pid, &stat) == 0 && !LinuxHost.hasEnded(stat) { return true }
    }
    var own = omega_mapping()
    var walk = omega_mappings()
    // SAFETY: an address of a mapping, only compared; the structures outlive the calls.
    // Opened first: that fails at once for a process that has ended, and our own mappings may be many.
    guard unsafe omega_open_mappings(&walk, pid) == 0 else { return false }
    defer { unsafe omega_close_mappings(&walk) }
    guard unsafe omega_find_mapping(segment.address(0), &own) == 0 else { return false }
    var mapping = omega_mapping()
    while unsafe omega_next_mapping(&walk, &mapping) != 0 {
      if mapping.inode == own.inode && mapping.device == own.device
        && mapping.offset >= UInt64(SegmentLayout.dataOffset)
      {
        return false
      }
    }
    return true
  }
}
