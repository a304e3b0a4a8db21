internal import OmegaEngine

/// What is known of a set without looking at its semaphores.
///
/// The corresponding C structure is `struct semid_ds`.
public struct SemaphoreSetStatus: Hashable, Sendable {
  /// The identifier.
  public let identifier: Int32
  /// The key; nil for a set without one.
  public let key: Key?
  /// User and group id of the owner.
  public let owner: UInt32, group: UInt32
  /// User and group id of the creator.
  public let creator: UInt32, creatorGroup: UInt32
  /// The low nine bits of a file mode: who may read (4) and alter (2).
  public let mode: UInt32
  /// The number of semaphores.
  public let semaphoreCount: Int
  /// When an operation succeeded last, in seconds since 1970; nil for never.
  public let lastOperation: Int64?
  /// When it was created, or its values or permissions were set last, in seconds since 1970.
  public let lastChange: Int64

  init(_ status: SetStatus) {
    identifier = status.identifier
    key = status.key == 0 ? nil : Key(rawValue: status.key)
    owner = status.permissions.uid
    group = status.permissions.gid
    creator = status.permissions.cuid
    creatorGroup = status.permissions.cgid
    mode = status.permissions.mode
    semaphoreCount = status.semaphoreCount
    lastOperation = status.otime == 0 ? nil : status.otime
    lastChange = status.ctime
  }
}
