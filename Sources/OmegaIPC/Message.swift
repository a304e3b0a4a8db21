/// A message that was received.
public struct Message: Hashable, Sendable {
  /// Its type, 1 or above.
  public let type: Int
  /// Its bytes.
  public let bytes: [UInt8]

  /// Made by this module; public for comparisons.
  public init(type: Int, bytes: [UInt8]) {
    self.type = type
    self.bytes = bytes
  }
}

/// What a message is, without its bytes.
public struct MessageHeader: Hashable, Sendable {
  /// Its type, 1 or above.
  public let type: Int
  /// The number of its bytes. Of one that was cut: of those that were received.
  public let byteCount: Int

  @usableFromInline
  init(type: Int, byteCount: Int) {
    self.type = type
    self.byteCount = byteCount
  }
}

/// Which message is wanted.
///
/// The corresponding C parameter is `msgtyp` of `msgrcv`.
public enum MessageSelection: Hashable, Sendable {
  /// The oldest.
  case first
  /// The oldest of a type, 1 or above.
  case type(Int)
  /// The oldest that is not of a type, 1 or above.
  ///
  /// The corresponding C flag is `MSG_EXCEPT`.
  case except(Int)
  /// The oldest of the lowest type that there is, if that is not above a bound, 1 or above: types are
  /// priorities then.
  case lowest(upTo: Int)

  /// As the call takes it; nil for a type below 1.
  var arguments: (type: Int, flags: Int32)? {
    switch self {
    case .first: (0, 0)
    case .type(let type) where type > 0: (type, 0)
    case .except(let type) where type > 0: (type, MessageSelection.exceptFlag)
    case .lowest(let bound) where bound > 0: (-bound, 0)
    default: nil
    }
  }
}

/// What becomes of a message that is longer than what it is received into.
public enum LongMessage: Hashable, Sendable {
  /// It stays in the queue, and the call throws E2BIG.
  case refuse
  /// It is received without its end, which is lost.
  ///
  /// The corresponding C flag is `MSG_NOERROR`.
  case cut
}
