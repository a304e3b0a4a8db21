internal import OmegaLinux

/// The kinds of object that a namespace holds. Identifiers and keys of different kinds have nothing to
/// do with each other.
public enum ObjectKind: Hashable, Sendable, CaseIterable {
  /// ``SemaphoreSet``
  case semaphores
  /// ``MessageQueue``
  case messageQueue
  /// ``MemorySegment``
  case memorySegment

  /// An object of the kind, in words.
  var noun: String {
    switch self {
    case .semaphores: "semaphore set"
    case .messageQueue: "message queue"
    case .memorySegment: "memory segment"
    }
  }

  /// The same in short.
  var shortNoun: String {
    switch self {
    case .semaphores: "set"
    case .messageQueue: "queue"
    case .memorySegment: "segment"
    }
  }

  var hostKind: OmegaLinux.ObjectKind {
    switch self {
    case .semaphores: .semaphores
    case .messageQueue: .queues
    case .memorySegment: .segments
    }
  }
}
