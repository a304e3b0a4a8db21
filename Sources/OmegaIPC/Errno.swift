internal import OmegaEngine

/// An error number of the Linux ABI.
///
/// The corresponding C variable is `errno`.
public struct Errno: RawRepresentable, Hashable, Sendable {
  /// The number; positive.
  public let rawValue: Int32

  /// Wraps a number; any is allowed.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  init(_ errno: OmegaEngine.Errno) { rawValue = errno.rawValue }

  /// EPERM: only the owner, the creator or an administrator may do this.
  public static let notPermitted = Errno(rawValue: 1)
  /// ENOENT: there is nothing with this key or path.
  public static let noEntry = Errno(rawValue: 2)
  /// EINTR: a signal handler ran while the call waited; nothing has been changed.
  public static let interrupted = Errno(rawValue: 4)
  /// E2BIG: more operations in one call than the namespace allows.
  public static let tooManyOperations = Errno(rawValue: 7)
  /// EAGAIN: the operation would have to wait (longer).
  public static let wouldBlock = Errno(rawValue: 11)
  /// ENOMEM: no memory, or no place for another process or sleeper in the set.
  public static let noMemory = Errno(rawValue: 12)
  /// EACCES: the permissions do not allow it.
  public static let accessDenied = Errno(rawValue: 13)
  /// EEXIST: there is a set with this key already.
  public static let exists = Errno(rawValue: 17)
  /// ENOTDIR: part of a path is not a directory.
  public static let notDirectory = Errno(rawValue: 20)
  /// EINVAL: no such set, or an argument that makes no sense.
  public static let invalid = Errno(rawValue: 22)
  /// EFBIG: the set has no semaphore of this number.
  public static let noSuchSemaphore = Errno(rawValue: 27)
  /// ENOSPC: a limit of the namespace, or the file system is full.
  public static let noSpace = Errno(rawValue: 28)
  /// ERANGE: a value would leave 0…32767.
  public static let outOfRange = Errno(rawValue: 34)
  /// EIDRM: the set was removed while the call was under way.
  public static let removed = Errno(rawValue: 43)

  private static let names: [Int32: String] = [
    1: "EPERM", 2: "ENOENT", 4: "EINTR", 5: "EIO", 7: "E2BIG", 9: "EBADF", 11: "EAGAIN",
    12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 17: "EEXIST", 20: "ENOTDIR", 22: "EINVAL",
    23: "ENFILE", 24: "EMFILE", 27: "EFBIG", 28: "ENOSPC", 30: "EROFS", 34: "ERANGE",
    36: "ENAMETOOLONG", 38: "ENOSYS", 40: "ELOOP", 43: "EIDRM",
  ]
}

extension Errno: CustomStringConvertible {
  /// The C name, such as `EAGAIN`, or `errno 99`.
  public var description: String { Errno.names[rawValue] ?? "errno \(rawValue)" }
}
