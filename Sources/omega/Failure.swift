import ArgumentParser

/// What went wrong, for a person: the object, the cause, and the way out.
struct Failure: Error, CustomStringConvertible {
  let object: String
  let cause: String
  let wayOut: String

  init(_ object: String, _ cause: String, wayOut: String) {
    self.object = object
    self.cause = cause
    self.wayOut = wayOut
  }

  /// A failed system call.
  init(_ object: String, _ error: SystemError, wayOut: String) {
    self.init(object, error.text, wayOut: wayOut)
  }

  /// The lines stand behind `Error: `.
  var description: String {
    let width = Terminal.errorWidth
    return Terminal.wrap("\(object): \(cause)", after: 7, width: width) + "\n       "
      + Terminal.wrap(wayOut, after: 7, width: width)
  }
}

/// The exit statuses, one table for code and help.
enum Status {
  /// It worked.
  static let success = ExitCode(0)
  /// An object is missing, damaged or refused, or `doctor` found what does not work.
  static let failure = ExitCode(1)
  /// `omega run` could not do its own part, as with env(1), nohup(1), timeout(1).
  static let runFailed = ExitCode(125)
  /// CMD was found but cannot be executed.
  static let notExecutable = ExitCode(126)
  /// CMD was not found.
  static let notFound = ExitCode(127)
}
