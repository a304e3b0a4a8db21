import COmegaLinux
import OmegaEngine

/// Who the calling process is, as the kernel sees it now. Each property asks when it is read: most
/// calls need one of them.
struct Credentials {
  let euid = UInt32(truncatingIfNeeded: omega_call(omega_call_geteuid, 0, 0, 0, 0, 0, 0))

  var egid: UInt32 {
    UInt32(truncatingIfNeeded: omega_call(omega_call_getegid, 0, 0, 0, 0, 0, 0))
  }

  /// CAP_IPC_OWNER: overrides missing mode bits.
  var capabilityToOwn: CapabilityToOwn {
    Credentials.effectiveCapabilities() & 1 << 15 != 0 ? .held : .missing
  }
  /// CAP_SYS_ADMIN: may IPC_SET and IPC_RMID what others own.
  var isAdministrator: Bool { Credentials.effectiveCapabilities() & 1 << 21 != 0 }

  /// CAP_SYS_RESOURCE: may give a queue more bytes than MSGMNB.
  var mayExceedResources: Bool { Credentials.effectiveCapabilities() & 1 << 24 != 0 }

  /// CAP_IPC_LOCK: may lock memory without a limit.
  var mayLockMemory: Bool { Credentials.effectiveCapabilities() & 1 << 14 != 0 }

  /// RLIMIT_MEMLOCK: what others may lock.
  static var lockableBytes: UInt64 {
    var limit: (soft: UInt64, hard: UInt64) = (0, 0)
    // SAFETY: prlimit fills two 64-bit words.
    _ = unsafe withUnsafeMutablePointer(to: &limit) { limit in
      omega_call(omega_call_prlimit, 0, 8, 0, Int(bitPattern: limit), 0, 0)
    }
    return limit.soft
  }

  /// The effective group or a supplementary one.
  func isInGroup(_ group: UInt32) -> Bool {
    if group == egid { return true }
    var groups = InlineArray<128, UInt32>(repeating: 0)
    // SAFETY: getgroups fills at most the 128 entries it is told of.
    let count = unsafe withUnsafeMutablePointer(to: &groups) { list in
      omega_call(omega_call_getgroups, 128, Int(bitPattern: list), 0, 0, 0, 0)
    }
    if count == -22 { return Credentials.isInLongList(group) }
    for index in 0..<max(0, min(count, 128)) where groups[index] == group { return true }
    return false
  }

  /// More groups than belong on a small stack; at most NGROUPS_MAX, 65536.
  @inline(never)
  private static func isInLongList(_ group: UInt32) -> Bool {
    let most = 65536
    // SAFETY: memory of our own with room for as many; unmapped after its last use.
    guard let memory = unsafe Kernel.map(-1, 4 * most) else { return false }
    defer { unsafe Kernel.unmap(memory, 4 * most) }
    let list = unsafe memory.assumingMemoryBound(to: UInt32.self)
    let count = omega_call(omega_call_getgroups, most, Int(bitPattern: list), 0, 0, 0, 0)
    for index in 0..<max(0, min(count, most)) where unsafe list[index] == group { return true }
    return false
  }

  /// The mode bits the process has on an object.
  func granted(_ permissions: Permissions) -> UInt32 {
    permissions.granted(euid: euid, capability: capabilityToOwn, isInGroup: { isInGroup($0) })
  }

  /// Whether it may IPC_SET and IPC_RMID the object.
  func mayControl(_ permissions: Permissions) -> Bool {
    permissions.isOwned(by: euid) || isAdministrator
  }

  private static func effectiveCapabilities() -> UInt64 {
    var header: (version: UInt32, pid: Int32) = (0x2008_0522, 0)
    var data = InlineArray<6, UInt32>(repeating: 0)
    // SAFETY: version 3 of capget fills two triples of 32-bit words.
    let result = unsafe withUnsafeMutablePointer(to: &header) { header in
      unsafe withUnsafeMutablePointer(to: &data) { data in
        omega_call(
          omega_call_capget, Int(bitPattern: header), Int(bitPattern: data), 0, 0, 0, 0)
      }
    }
    return result == 0 ? UInt64(data[0]) | UInt64(data[3]) << 32 : 0
  }
}
