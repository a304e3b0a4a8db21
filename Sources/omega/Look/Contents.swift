import OmegaEngine
import OmegaLinux

/// A key's link: the object that has the key.
struct KeyName {
  let key: Int32
  let identifier: Int32
}

/// The names of one kind in a namespace.
struct KindContents {
  let kind: ObjectKind
  /// Ascending.
  var indices: [Int] = []
  /// Links by the index that they name.
  var links: [Int: KeyName] = [:]
  /// Links that name no file.
  var dangling: [KeyName] = []

  func rows(_ namespace: Namespace) -> [ObjectRow] {
    indices.compactMap { ObjectRow(namespace, kind, index: $0, link: links[$0]) }
  }
}

/// The names in a namespace, sorted by what they stand for.
struct Contents {
  /// In the order in which they are listed.
  private(set) var kinds: [KindContents]
  /// Files that are not Omega IPC's.
  private(set) var foreign: [String] = []

  init(_ namespace: Namespace) throws(Errno) {
    var indices: [ObjectKind: [Int]] = [:]
    var keys: [ObjectKind: [Int32]] = [:]
    var foreign: [String] = []
    try namespace.forEachName { name in
      switch name.meaning {
      case .object(let kind, let index): indices[kind, default: []].append(index)
      case .key(let kind, let key): keys[kind, default: []].append(key)
      case .own: break
      case .foreign: if name.text != PrivateNamespace.recordName { foreign.append(name.text) }
      }
    }
    self.foreign = foreign.sorted()
    kinds = ObjectKind.listed.map { kind in
      var contents = KindContents(kind: kind, indices: (indices[kind] ?? []).sorted())
      let known = Set(contents.indices)
      for key in (keys[kind] ?? []).sorted() {
        guard let identifier = namespace.link(kind, key: key) else { continue }
        let name = KeyName(key: key, identifier: identifier)
        let index = Int(identifier) & 0x7FFF
        if known.contains(index) {
          contents.links[index] = name
        } else {
          contents.dangling.append(name)
        }
      }
      return contents
    }
  }

  func rows(_ namespace: Namespace, _ chosen: [ObjectKind]) -> [ObjectRow] {
    kinds.filter { chosen.contains($0.kind) }.flatMap { $0.rows(namespace) }
  }
}
