/// Why a call failed: what was asked of which object, and the error number.
///
/// `String(describing:)` gives one line with the cause and the way out.
public struct IPCError: Error, Hashable, Sendable {
  /// What was asked.
  public enum Action: Hashable, Sendable {
    /// Opening a namespace, or reading what is in it.
    case openNamespace, listNamespace
    /// Making an object, opening an existing one, or either.
    case create, open, openOrCreate
    /// Making a key from a path.
    case makeKey
    /// Operations on semaphores.
    case acquire, release, waitForZero, perform
    /// Sending and receiving messages.
    case send, receive, peek
    /// Attaching memory and marking it as locked.
    case attach, lock
    /// Reading values, process ids, counts or the status.
    case read, inspect
    /// Changing values, permissions or how much a queue holds.
    case setValue, setAll, setPermissions, setMaximum
    /// Removing an object.
    case remove
  }

  /// What it was asked of.
  public enum Object: Hashable, Sendable {
    /// A directory.
    case namespace(directory: String)
    /// An object of a kind that was looked for by its key, in a namespace.
    case key(Key, of: ObjectKind, directory: String)
    /// A new object without a key.
    case new(ObjectKind, directory: String)
    /// An object by its identifier, in a namespace.
    case object(ObjectKind, identifier: Int32, directory: String)
    /// One semaphore of a set.
    case semaphore(Int, identifier: Int32, directory: String)
    /// A file.
    case file(path: String)
  }

  /// What was asked.
  public let action: Action
  /// What it was asked of.
  public let object: Object
  /// The error number of the C call.
  public let errno: Errno

  /// Made by this module; public for tests of programs that handle errors.
  public init(_ action: Action, _ object: Object, _ errno: Errno) {
    self.action = action
    self.object = object
    self.errno = errno
  }

  /// Whether the time was up (EAGAIN): what was asked for did not become possible.
  public var isTimeout: Bool { errno == .wouldBlock }
}

extension IPCError: CustomStringConvertible {
  /// One line: `cannot ACTION OBJECT: cause; way out (ERRNO)`.
  public var description: String {
    let explanation = explanation
    let wayOut = explanation.wayOut.map { "; \($0)" } ?? ""
    return "cannot \(action) \(object): \(explanation.cause)\(wayOut) (\(errno))"
  }
}

extension IPCError.Action: CustomStringConvertible {
  /// A verb, as in "cannot …".
  public var description: String {
    switch self {
    case .openNamespace, .open: "open"
    case .listNamespace: "list"
    case .create: "create"
    case .openOrCreate: "open or create"
    case .makeKey: "make a key from"
    case .acquire: "acquire"
    case .release: "release"
    case .waitForZero: "wait for zero of"
    case .perform: "operate on"
    case .send: "send to"
    case .receive: "receive from"
    case .peek: "look into"
    case .attach: "attach"
    case .lock: "lock"
    case .read: "read"
    case .inspect: "inspect"
    case .setValue: "set the value of"
    case .setAll: "set the values of"
    case .setPermissions: "change the permissions of"
    case .setMaximum: "change the maximum of"
    case .remove: "remove"
    }
  }
}

extension IPCError.Object: CustomStringConvertible {
  /// The object and where it is.
  public var description: String {
    switch self {
    case .namespace(let directory): "namespace \(directory)"
    case .key(let key, let kind, let directory):
      "the \(kind.noun) with key \(key) in \(directory)"
    case .new(let kind, let directory): "a \(kind.noun) in \(directory)"
    case .object(let kind, let identifier, let directory):
      "\(kind.noun) \(identifier) in \(directory)"
    case .semaphore(let semaphore, let identifier, let directory):
      "semaphore \(semaphore) of set \(identifier) in \(directory)"
    case .file(let path): path
    }
  }
}
