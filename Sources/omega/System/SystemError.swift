import Glibc

/// An errno with the text that the C library has for it.
struct SystemError: Error, Equatable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  /// The errno of the call that just failed.
  static var last: SystemError { SystemError(errno) }

  var text: String {
    // SAFETY: strerror returns a terminated string; this program has one thread.
    unsafe String(cString: strerror(number))
  }

  static let missing = SystemError(ENOENT)
  static let exists = SystemError(EEXIST)
  static let noSpace = SystemError(ENOSPC)
  static let noMemory = SystemError(ENOMEM)
  static let accessDenied = SystemError(EACCES)
  static let nameTooLong = SystemError(ENAMETOOLONG)
  static let badFormat = SystemError(ENOEXEC)
}
