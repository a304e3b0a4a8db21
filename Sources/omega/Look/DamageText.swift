import OmegaEngine
import OmegaLinux

extension Damage {
  /// The cause, for a person.
  func text(_ kind: ObjectKind) -> String {
    switch self {
    case .notRegular: "is not a regular file"
    case .wrongSize(let count):
      "has \(count) bytes, which no \(kind.noun) has (cut off, or foreign)"
    case .notAnImage: "does not begin as a \(kind.noun) does (overwritten, or foreign)"
    case .otherVersion(let version, let known):
      "has layout version \(version), this omega works with \(known)"
    case .contradictsSize(let claimed):
      kind == .semaphores
        ? "says that it has \(claimed) semaphores, which its size contradicts"
        : "says that it has another size than it has (\(claimed))"
    case .contradictsName(let identifier):
      "says that its id is \(identifier), which its name contradicts"
    case .contradictsOwner(let uid):
      "belongs to \(Processes.userName(uid)), but says that it is somebody else's"
    case .unknownState(let state): "has the state \(state), which does not exist"
    case .lockIsStuck: "has a lock that its owner never releases"
    case .unreadable(let error): "cannot be read: \(SystemError(error.rawValue).text)"
    }
  }
}
