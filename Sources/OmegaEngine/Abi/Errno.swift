/// An error number of the Linux ABI (errno(3)). The values are those of x86-64 and aarch64.
public struct Errno: Error, Equatable, Hashable, Sendable {
  public var rawValue: Int32
  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  @inlinable public static var success: Errno { Errno(rawValue: 0) }
  @inlinable public static var notPermitted: Errno { Errno(rawValue: 1) }  // EPERM
  @inlinable public static var noEntry: Errno { Errno(rawValue: 2) }  // ENOENT
  @inlinable public static var interrupted: Errno { Errno(rawValue: 4) }  // EINTR
  @inlinable public static var argumentListTooLong: Errno { Errno(rawValue: 7) }  // E2BIG
  @inlinable public static var again: Errno { Errno(rawValue: 11) }  // EAGAIN
  @inlinable public static var noMemory: Errno { Errno(rawValue: 12) }  // ENOMEM
  @inlinable public static var accessDenied: Errno { Errno(rawValue: 13) }  // EACCES
  @inlinable public static var badAddress: Errno { Errno(rawValue: 14) }  // EFAULT
  @inlinable public static var exists: Errno { Errno(rawValue: 17) }  // EEXIST
  @inlinable public static var invalid: Errno { Errno(rawValue: 22) }  // EINVAL
  @inlinable public static var fileTooLarge: Errno { Errno(rawValue: 27) }  // EFBIG
  @inlinable public static var noSpace: Errno { Errno(rawValue: 28) }  // ENOSPC
  @inlinable public static var outOfRange: Errno { Errno(rawValue: 34) }  // ERANGE
  @inlinable public static var notImplemented: Errno { Errno(rawValue: 38) }  // ENOSYS
  @inlinable public static var noMessage: Errno { Errno(rawValue: 42) }  // ENOMSG
  /// Never leaves the engine and its host: the call begins again.
  @inlinable public static var restart: Errno { Errno(rawValue: 4095) }
  @inlinable public static var identifierRemoved: Errno { Errno(rawValue: 43) }  // EIDRM
}
