/// Owner, creator and mode of an object (`struct ipc_perm`).
public struct Permissions: Equatable, Sendable {
  public var uid: UInt32
  public var gid: UInt32
  public var cuid: UInt32
  public var cgid: UInt32
  /// The low nine bits: who may read (4) and alter (2).
  public var mode: UInt32

  public init(uid: UInt32, gid: UInt32, cuid: UInt32, cgid: UInt32, mode: UInt32) {
    self.uid = uid
    self.gid = gid
    self.cuid = cuid
    self.cgid = cgid
    self.mode = mode
  }

  /// The bits (read 4, alter 2) that a caller has: the owner's triplet, else the group's, else the
  /// others', without falling through (ipcperms in ipc/util.c). `isOwner` is IPC_OWNER's capability.
  public func granted(
    euid: UInt32, capability: CapabilityToOwn, isInGroup: (UInt32) -> Bool
  ) -> UInt32 {
    if capability == .held { return 0o7 }
    if euid == uid || euid == cuid { return mode >> 6 & 0o7 }
    if isInGroup(cgid) || isInGroup(gid) { return mode >> 3 & 0o7 }
    return mode & 0o7
  }

  /// Whether the caller owns or created the object (IPC_SET, IPC_RMID).
  public func isOwned(by euid: UInt32) -> Bool { euid == uid || euid == cuid }

  /// The bits that the mode argument of a `*get` call asks for (semantics B0.6).
  public static func wanted(_ flags: Int32) -> UInt32 {
    UInt32(bitPattern: (flags >> 6 | flags >> 3 | flags) & 0o7)
  }

  @inlinable public static var read: UInt32 { 4 }
  @inlinable public static var alter: UInt32 { 2 }
}

/// Whether the caller has CAP_IPC_OWNER.
public enum CapabilityToOwn: Sendable { case held, missing }
