internal import OmegaEngine
internal import OmegaLinux

/// Memory that processes share, as long as anybody has it attached or it is not removed.
///
/// A value is a handle: cheap to copy, usable from every thread and task, never closed; the memory is
/// reached through ``attach()``. No call waits.
///
/// ```swift
/// let segment = try Namespace.standard.makeMemorySegment(byteCount: 4096)
/// var memory = try segment.attach()
/// var bytes = memory.mutableBytes
/// bytes[0] = 7
/// ```
///
/// The corresponding C value is the identifier that `shmget` returns.
public struct MemorySegment: Hashable, Sendable {
  /// The namespace that the segment is in.
  public let namespace: Namespace
  /// The identifier, which the segment's processes and the C calls know it by.
  public let identifier: Int32

  init(namespace: Namespace, identifier: Int32) {
    self.namespace = namespace
    self.identifier = identifier
  }

  /// Attaches the memory for reading and writing. Needs permission for both.
  ///
  /// - Returns: The memory, which is detached when the value is not used any more.
  /// - Throws: EINVAL when there is no such segment, EACCES without the permissions, ENOMEM.
  ///
  /// The corresponding C function is `shmat`.
  public func attach() throws(IPCError) -> SharedMemory {
    // SAFETY: the value is the only one that detaches what was attached here; below too.
    let (address, byteCount) = try attach(flags: 0)
    return unsafe SharedMemory(address: address, byteCount: byteCount, segment: self)
  }

  /// Attaches the memory for reading only, which the system enforces. Needs permission to read.
  ///
  /// - Returns: The memory, which is detached when the value is not used any more.
  /// - Throws: as ``attach()``.
  ///
  /// The corresponding C function is `shmat` with `SHM_RDONLY`.
  public func attachForReading() throws(IPCError) -> ReadOnlyMemory {
    let (address, byteCount) = try attach(flags: SegmentOption.readOnly)
    return unsafe ReadOnlyMemory(address: address, byteCount: byteCount, segment: self)
  }

  private func attach(flags: Int32) throws(IPCError) -> (UInt, Int) {
    do throws(OmegaLinuxErrno) {
      return try namespace.host.attach(identifier, flags: flags)
    } catch {
      throw failure(.attach, error.rawValue)
    }
  }

  @inline(never)
  func failure(_ action: IPCError.Action, _ errno: Int32) -> IPCError {
    let object = IPCError.Object.object(
      .memorySegment, identifier: identifier, directory: namespace.directory)
    return IPCError(action, object, Errno(rawValue: errno))
  }
}

extension MemorySegment: CustomStringConvertible {
  /// The identifier and the namespace.
  public var description: String { "memory segment \(identifier) in \(namespace)" }
}
