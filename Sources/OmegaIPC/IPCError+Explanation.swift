extension IPCError {
  /// The cause in words, and what can be done about it where something can.
  var explanation: (cause: String, wayOut: String?) {
    switch errno {
    case .notPermitted:
      return (
        "only its owner, its creator or an administrator may",
        "ask one of them, or run as that user"
      )
    case .noEntry: return missing
    case .interrupted: return ("a signal handler ran while it waited", "call again")
    case .tooManyOperations: return tooMuch
    case .wouldBlock:
      if action == .send { return ("there is no room in it now", nil) }
      return ("the value does not allow it now and the time is up", nil)
    case .noMessage: return ("there is no such message", "wait for one, or ask for another type")
    case .badMessage:
      return (
        "the message had fewer bytes than the value, and is gone",
        "agree on the type with its sender, or receive bytes"
      )
    case .noMemory:
      if kind == .memorySegment {
        return ("there is not so much memory", "look at `omega doctor`, or take a smaller segment")
      }
      return (
        "no memory, or too many processes use the \(noun)",
        "look at the free space and at `omega doctor`"
      )
    case .accessDenied: return denied
    case .exists:
      return ("there is one already", "open it, or remove it first")
    case .invalid: return invalid
    case .noSuchSemaphore:
      return ("the set has fewer semaphores", "use numbers from 0 to its count minus 1")
    case .noSpace:
      return (
        "a limit of the namespace is reached or its file system is full",
        "remove what is not needed (`omega ls`, `omega rm`), or see `omega limits`"
      )
    case .outOfRange:
      return ("a value or an adjustment would leave its range", "keep values within 0…32767")
    case .removed:
      return ("the \(noun) was removed", "create or open it again")
    default:
      return ("the system refused", nil)
    }
  }

  /// What the object is, in short.
  private var noun: String { kind.shortNoun }

  private var kind: ObjectKind {
    switch object {
    case .key(_, let kind, _), .new(let kind, _), .object(let kind, _, _): kind
    default: .semaphores
    }
  }

  private var tooMuch: (cause: String, wayOut: String?) {
    switch action {
    case .receive, .peek:
      ("the message is longer than asked for", "it is still there: ask for more bytes")
    default: ("too many operations in one call", "use several calls, or raise the limit (SEMOPM)")
    }
  }

  private var missing: (cause: String, wayOut: String?) {
    switch action {
    case .openNamespace, .listNamespace:
      ("its parent directory is missing or the path is too long", "make the parent directory")
    case .makeKey: ("no such file", nil)
    default: ("there is none", "create it, or check the key and the namespace")
    }
  }

  private var denied: (cause: String, wayOut: String?) {
    switch action {
    case .openNamespace, .listNamespace:
      (
        "it is not a directory that only its user, root or (with the sticky bit) each for himself "
          + "can change",
        "choose another directory, or correct its owner and mode (0700, or 1777 to share it)"
      )
    default: ("its permissions do not allow it", "ask its owner to change them")
    }
  }

  private var invalid: (cause: String, wayOut: String?) {
    switch action {
    case .create, .open, .openOrCreate:
      kind == .memorySegment
        ? (
          "the size is 0 or below, above the limit, or above what the segment has, or the key is 0",
          "check the size and the key; see `omega limits`"
        )
        : kind == .semaphores
          ? (
            "the number of semaphores is 0 or below, above the limit, or above what the set has, "
              + "or the key is 0",
            "check the count and the key"
          ) : ("the key is 0", "choose another key")
    case .acquire, .release, .waitForZero, .perform:
      (
        "no such set, an amount below 1, no operations, or a negative timeout",
        "check the arguments"
      )
    case .setAll: ("no such set, or not as many values as it has semaphores", nil)
    case .send:
      (
        "no such queue, a type below 1, or more bytes than a message may have (MSGMAX)",
        "check the arguments; see `omega ls` and `omega limits`"
      )
    case .receive, .peek:
      (
        "no such queue, or a type or size that is none",
        "check the arguments; it may have been removed: see `omega ls`"
      )
    case .setPermissions: ("no such \(noun), or a user or group that is none", nil)
    case .setMaximum: ("no such \(noun), or not a number of bytes", "see `omega ls`")
    default:
      (
        kind == .semaphores ? "no such set or semaphore" : "no such \(noun)",
        "it may have been removed; see `omega ls`"
      )
    }
  }
}
