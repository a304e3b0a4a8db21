internal import OmegaEngine

/// An error number of the Linux ABI.
///
/// The corresponding C variable is `errno`.
public struct Errno: RawRepresentable, Hashable, Sendable {
  /// The number; positive.
  public let rawValue: Int32

  /// Wraps a number; any is allowed.
  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  init(_ errno: OmegaEngine.Errno) { rawValue = errno.rawValue }

  /// EPERM: only the owner, the creator or an administrator may do this.
  @inlinable public static var notPermitted: Errno { Errno(rawValue: 1) }
  /// ENOENT: there is nothing with this key or path.
  @inlinable public static var noEntry: Errno { Errno(rawValue: 2) }
  /// EINTR: a signal handler ran while the call waited; nothing has been changed.
  @inlinable public static var interrupted: Errno { Errno(rawValue: 4) }
  /// E2BIG: more operations in one call than the namespace allows.
  @inlinable public static var tooManyOperations: Errno { Errno(rawValue: 7) }
  /// E2BIG: a message is longer than what it is to be received into. The same number as
  /// ``tooManyOperations``.
  @inlinable public static var tooLong: Errno { Errno(rawValue: 7) }
  /// EAGAIN: the operation would have to wait (longer).
  @inlinable public static var wouldBlock: Errno { Errno(rawValue: 11) }
  /// ENOMEM: no memory, or no place for another process or sleeper in the object.
  @inlinable public static var noMemory: Errno { Errno(rawValue: 12) }
  /// EACCES: the permissions do not allow it.
  @inlinable public static var accessDenied: Errno { Errno(rawValue: 13) }
  /// EEXIST: there is an object with this key already.
  @inlinable public static var exists: Errno { Errno(rawValue: 17) }
  /// ENOTDIR: part of a path is not a directory.
  @inlinable public static var notDirectory: Errno { Errno(rawValue: 20) }
  /// EINVAL: no such object, or an argument that makes no sense.
  @inlinable public static var invalid: Errno { Errno(rawValue: 22) }
  /// EFBIG: the set has no semaphore of this number.
  @inlinable public static var noSuchSemaphore: Errno { Errno(rawValue: 27) }
  /// ENOSPC: a limit of the namespace, or the file system is full.
  @inlinable public static var noSpace: Errno { Errno(rawValue: 28) }
  /// ERANGE: a value would leave 0…32767.
  @inlinable public static var outOfRange: Errno { Errno(rawValue: 34) }
  /// ENOMSG: the queue has no such message.
  @inlinable public static var noMessage: Errno { Errno(rawValue: 42) }
  /// EIDRM: the object was removed while the call was under way.
  @inlinable public static var removed: Errno { Errno(rawValue: 43) }
  /// EBADMSG: a message had fewer bytes than the value that it was received as.
  @inlinable public static var badMessage: Errno { Errno(rawValue: 74) }

  private static let names: [Int32: String] = [
    1: "EPERM", 2: "ENOENT", 4: "EINTR", 5: "EIO", 7: "E2BIG", 9: "EBADF", 11: "EAGAIN",
    12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 17: "EEXIST", 20: "ENOTDIR", 22: "EINVAL",
    23: "ENFILE", 24: "EMFILE", 27: "EFBIG", 28: "ENOSPC", 30: "EROFS", 34: "ERANGE",
    36: "ENAMETOOLONG", 38: "ENOSYS", 40: "ELOOP", 42: "ENOMSG", 43: "EIDRM", 74: "EBADMSG",
  ]
}

extension Errno: CustomStringConvertible {
  /// The C name, such as `EAGAIN`, or `errno 99`.
  public var description: String { Errno.names[rawValue] ?? "errno \(rawValue)" }
}
