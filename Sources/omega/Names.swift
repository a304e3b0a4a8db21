import OmegaEngine
import OmegaLinux

/// An object as calls name it.
struct ObjectName {
  let kind: ObjectKind
  let identifier: Int32
}

/// What the words on a command line mean. Kinds number their objects apart, so a word can mean an object
/// of each: then it has to be said which.
extension NamespaceOptions {
  /// The object that an id, or a key in hexadecimal, means among the kinds that come into question.
  func object(
    _ text: String, of kinds: [ObjectKind], in namespace: Namespace?, for command: String
  ) throws(Failure) -> ObjectName {
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      guard let key = Words.key(parsing: text) else {
        throw Failure(
          Words.printable(text), "is not a key",
          wayOut: "A key has up to eight hexadecimal digits: 0x51000001")
      }
      return try object(key: key, of: kinds, in: namespace, for: command)
    }
    guard let identifier = Int32(text), identifier >= 0 else {
      throw Failure(
        Words.printable(text), "is not an id, and a key begins with 0x",
        wayOut: "Both are in the list: " + self.command("ls"))
    }
    if kinds.count == 1 { return ObjectName(kind: kinds[0], identifier: identifier) }
    let found = namespace.map { candidates(identifier, of: kinds, in: $0) } ?? []
    return try only(found, "id \(identifier)", text, for: command)
  }

  func object(
    key: Int32, of kinds: [ObjectKind], in namespace: Namespace?, for command: String
  ) throws(Failure) -> ObjectName {
    let found = kinds.compactMap { kind in
      namespace?.link(kind, key: key).map { ObjectName(kind: kind, identifier: $0) }
    }
    let name = "key \(Words.key(key))"
    if found.isEmpty && kinds.count == 1 {
      throw Failure(
        "\(name) in \(path)", "no \(kinds[0].noun) has it",
        wayOut: "List the \(kinds[0].noun)s: " + self.command("ls \(kinds[0].option)"))
    }
    return try only(found, name, Words.key(key), for: command)
  }

  /// The objects that have an identifier, or may have it: not of all files this can be known.
  private func candidates(
    _ identifier: Int32, of kinds: [ObjectKind], in namespace: Namespace
  ) -> [ObjectName] {
    var sure: [ObjectName] = []
    var perhaps: [ObjectName] = []
    for kind in kinds {
      guard let row = ObjectRow(namespace, kind, index: Int(identifier) & 0x7FFF, link: nil) else {
        continue
      }
      let name = ObjectName(kind: kind, identifier: identifier)
      if row.identifier == identifier {
        sure.append(name)
      } else if row.identifier == nil {
        perhaps.append(name)
      }
    }
    return sure.isEmpty ? perhaps : sure
  }

  private func only(
    _ found: [ObjectName], _ name: String, _ text: String, for command: String
  ) throws(Failure) -> ObjectName {
    switch found.count {
    case 1: return found[0]
    case 0:
      throw Failure(
        "\(name) in \(path)", "no object has it",
        wayOut: "List the objects: " + self.command("ls"))
    default:
      let owners = found.map { "a \($0.kind.fullNoun)" }.joined(separator: " and ")
      let ways = found.map { self.command("\(command) \($0.kind.option) \(text)") }
      throw Failure(
        "\(name) in \(path)", "\(owners) have it",
        wayOut: "Say which: " + ways.joined(separator: ", or "))
    }
  }
}
