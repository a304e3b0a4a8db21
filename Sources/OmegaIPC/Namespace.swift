internal import OmegaLinux

/// A directory whose semaphore sets, message queues and memory segments processes share.
///
/// Programs that use the drop-in library, the C library or this module see the same objects in the
/// same directory. A value is a handle: cheap to copy, usable from every thread, never closed.
public struct Namespace: Hashable, Sendable {
  let host: OmegaLinux.Namespace

  init(host: OmegaLinux.Namespace) { self.host = host }

  /// Opens the namespace in a directory, which is made with mode 0700 when it is missing.
  ///
  /// The directory should be on a tmpfs such as `/dev/shm`. Throws EACCES when others could replace
  /// what is in it: it must belong to the caller or root and be writable by nobody else, or have
  /// the sticky bit; ENOENT when its parent is missing; ENOSPC or ENOMEM when there is no memory.
  public init(directory: String) throws(IPCError) {
    do throws(OmegaLinuxErrno) {
      host = try NamespaceRegistry.open(directory)
    } catch {
      throw IPCError(.openNamespace, .namespace(directory: directory), Errno(error))
    }
  }

  /// The namespace that the variable `OMEGA_IPC_NAMESPACE` named when the process started, else the
  /// user's own below `/dev/shm`: the one that programs under the drop-in library use.
  ///
  /// - Throws: as ``init(directory:)``.
  public static var standard: Namespace {
    get throws(IPCError) {
      do throws(OmegaLinuxErrno) {
        return Namespace(host: try .ofEnvironment())
      } catch {
        let directory = OmegaLinux.Namespace.environmentDirectory
        throw IPCError(.openNamespace, .namespace(directory: directory), Errno(error))
      }
    }
  }

  /// The path of the directory, as it was given when the process opened it first.
  public var directory: String { host.directory }

  /// What a namespace allows.
  ///
  /// The corresponding C structures are `struct seminfo`, `struct msginfo` and `struct shminfo`.
  public struct Limits: Hashable, Sendable {
    /// Semaphores in a set (SEMMSL).
    public let semaphoresPerSet: Int
    /// Semaphores in all sets (SEMMNS).
    public let semaphores: Int
    /// Operations in one call (SEMOPM).
    public let operationsPerCall: Int
    /// Sets (SEMMNI).
    public let sets: Int
    /// The highest value of a semaphore (SEMVMX).
    public let value: Int
    /// Bytes in a message (MSGMAX).
    public let messageBytes: Int
    /// Bytes in a queue, unless an administrator allows it more (MSGMNB).
    public let queueBytes: Int
    /// Queues (MSGMNI).
    public let queues: Int
    /// Bytes in a memory segment (SHMMAX).
    public let segmentBytes: UInt
    /// Pages in all memory segments (SHMALL).
    public let segmentPages: UInt
    /// Memory segments (SHMMNI).
    public let segments: Int
  }

  /// The limits, as they were when the process opened the namespace.
  ///
  /// The corresponding C functions are `semctl`, `msgctl` and `shmctl` with `IPC_INFO`.
  public var limits: Limits {
    let limits = host.limits
    return Limits(
      semaphoresPerSet: limits.semaphoresPerSet, semaphores: limits.semaphoresInAll,
      operationsPerCall: limits.operationsPerCall, sets: limits.sets, value: 32767,
      messageBytes: limits.messageBytes, queueBytes: limits.queueBytes, queues: limits.queues,
      segmentBytes: limits.segmentBytes, segmentPages: limits.segmentPagesInAll,
      segments: limits.segments)
  }

  /// How much of what is limited is in use.
  public struct Usage: Hashable, Sendable {
    /// Semaphore sets, and semaphores in all of them.
    public let sets: Int, semaphores: Int
    /// Message queues, and the messages and bytes in those that this process may open.
    public let queues: Int, messages: Int, messageBytes: Int
    /// Memory segments, and pages in all of them.
    public let segments: Int, segmentPages: Int
  }

  /// What is in use now.
  ///
  /// The corresponding C functions are `semctl` with `SEM_INFO`, `msgctl` with `MSG_INFO` and
  /// `shmctl` with `SHM_INFO`.
  public func usage() -> Usage {
    let (sets, queues) = (host.usage(of: .semaphores), host.usage(of: .queues))
    let (messages, segments) = (host.messageUsage(), host.usage(of: .segments))
    return Usage(
      sets: sets.objects, semaphores: sets.units, queues: queues.objects,
      messages: messages.messages, messageBytes: messages.bytes,
      segments: segments.objects, segmentPages: segments.units)
  }
}

extension Namespace: CustomStringConvertible {
  /// The directory's path.
  public var description: String { directory }
}
