import COmegaLinux
import OmegaEngine

// The shared memory calls for Swift.

/// Flags of shmget and shmat, commands of shmctl.
public enum SegmentOption {
  public static var readOnly: Int32 { SegmentCallFlag.readOnly }
  public static var lock: Int32 { 11 }  // SHM_LOCK
  public static var unlock: Int32 { 12 }  // SHM_UNLOCK
}

extension Namespace {
  /// `shmat` anywhere: the address, never 0, and the segment's size in bytes.
  public func attach(
    _ identifier: Int32, flags: Int32
  ) throws(Errno) -> (address: UInt, byteCount: Int) {
    let address = attachSegment(identifier, 0, flags)
    if address < 0 && address > -4096 { throw Errno(rawValue: Int32(-address)) }
    do throws(Errno) {
      // Attached, so it is there, whoever removes it.
      let handle = unsafe try handle(identifier, SharedSegment.self)
      defer { unsafe leave(handle) }
      // SAFETY: the handle is entered.
      return (UInt(bitPattern: address), unsafe handle.pointee.object.layout.byteCount)
    } catch {
      _ = Namespace.detachSegment(UInt(bitPattern: address))
      throw error
    }
  }

  /// IPC_SET of a segment.
  public func setSegment(_ identifier: Int32, uid: UInt32, gid: UInt32, mode: UInt32) -> Int32 {
    var buffer = InlineArray<256, UInt8>(repeating: 0)
    // SAFETY: the buffer is larger than `struct shmid_ds` and outlives the call.
    return unsafe withUnsafeMutablePointer(to: &buffer) { out in
      let out = UnsafeMutableRawPointer(out)
      unsafe Namespace.store(uid: uid, gid: gid, mode: mode, out)
      return controlSegment(identifier, Command.set, UInt(bitPattern: out))
    }
  }
}
