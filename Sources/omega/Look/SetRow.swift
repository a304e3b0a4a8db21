import OmegaEngine
import OmegaLinux

/// What `ls` tells about one set: as much as this process may know.
struct SetRow {
  enum State: String { case usable, inaccessible, unfinished, removed, damaged }

  let index: Int
  var state = State.usable
  /// nil where only an open file would tell.
  var identifier: Int32?
  var key: Int32?
  var semaphoreCount: Int?
  var permissions: Permissions?
  /// Sleeping calls, and processes with adjustments; nil without read permission.
  var waiting: Int?
  var holders: Int?
  var otime: Int64?
  var ctime: Int64?
  /// What is wrong with a damaged set.
  var problem: String?
}

extension SetRow {
  /// nil when the set vanished meanwhile. `links` are the keys' links, by index.
  init?(_ namespace: Namespace, index: Int, links: [Int: KeyName]) {
    self.index = index
    guard let finding = namespace.find(index: index) else { return nil }
    if let link = links[index] {
      identifier = link.identifier
      key = link.key
    }
    switch finding {
    case .usable(let status):
      fill(status)
      count(namespace, status.identifier)
    case .unfinished(let status):
      state = .unfinished
      fill(status)
    case .removed: state = .removed
    case .inaccessible(let set):
      state = .inaccessible
      semaphoreCount = set.semaphoreCount
      permissions = Permissions(
        uid: set.uid, gid: set.gid, cuid: set.uid, cgid: set.gid, mode: set.mode)
      // A shared namespace tells more; only the times of operations stay unknown.
      if let status = namespace.publicSetStatus(index: index) {
        fill(status)
        otime = nil
      }
    case .damaged(let damage):
      state = .damaged
      problem = damage.text
    }
  }

  private mutating func fill(_ status: SetStatus) {
    identifier = status.identifier
    key = status.key
    semaphoreCount = status.semaphoreCount
    permissions = status.permissions
    otime = status.otime
    ctime = status.ctime
  }

  private mutating func count(_ namespace: Namespace, _ identifier: Int32) {
    var sleepers = 0
    var pids: Set<UInt32> = []
    do throws(Errno) {
      _ = try namespace.inspect(
        identifier, semaphore: { _, _ in }, sleeper: { _ in sleepers += 1 },
        holder: { pids.insert($0.pid) })
      waiting = sleepers
      holders = pids.count
    } catch {
      // Listed all the same, as ipcs lists what it may not read.
    }
  }
}

/// A key's link: the set that has the key.
struct KeyName {
  let key: Int32
  let identifier: Int32
}

/// The names in a namespace, sorted by what they stand for.
struct Contents {
  var indices: [Int] = []
  /// Links by the index that they name.
  var links: [Int: KeyName] = [:]
  /// Links that name no file, and files that are not Omega IPC's.
  var dangling: [KeyName] = []
  var foreign: [String] = []

  init(_ namespace: Namespace) throws(Errno) {
    var keys: [Int32] = []
    var indices: [Int] = []
    var foreign: [String] = []
    try namespace.forEachName { name in
      switch name.meaning {
      case .set(let index): indices.append(index)
      case .key(let key): keys.append(key)
      case .own: break
      case .foreign: if name.text != PrivateNamespace.recordName { foreign.append(name.text) }
      }
    }
    self.indices = indices.sorted()
    self.foreign = foreign.sorted()
    let known = Set(indices)
    for key in keys.sorted() {
      guard let link = namespace.link(key: key) else { continue }
      let name = KeyName(key: key, identifier: link.identifier)
      let index = Int(link.identifier) & 0x7FFF
      if known.contains(index) { links[index] = name } else { dangling.append(name) }
    }
  }
}

extension Damage {
  /// The cause, for a person.
  var text: String {
    switch self {
    case .notRegular: "is not a regular file"
    case .wrongSize(let count): "has \(count) bytes, which no set has (cut off, or foreign)"
    case .notAnImage: "does not begin as a set does (overwritten, or foreign)"
    case .otherVersion(let version):
      "has layout version \(version), this omega works with \(SetLayout.version)"
    case .contradictsSize(let count):
      "says that it has \(count) semaphores, which its size contradicts"
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
