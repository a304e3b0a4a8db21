/// The result of one check of `omega doctor`.
struct Finding {
  enum State: String { case ok, note, fail }

  let check: String
  let state: State
  /// What is.
  let what: String
  /// What that means, or what to do about it.
  let meaning: String

  init(_ check: String, _ state: State, _ what: String, _ meaning: String) {
    self.check = check
    self.state = state
    self.what = what
    self.meaning = meaning
  }

  /// Lines of at most 79 columns.
  var lines: [String] {
    let label = state == .fail ? "FAIL" : state.rawValue
    let mark = label + String(repeating: " ", count: 6 - label.count)
    let indent = String(repeating: " ", count: 6)
    let head = Finding.wrap("\(check): \(what)")
    let tail = Finding.wrap(meaning).map { indent + $0 }
    return head.enumerated().map { ($0.offset == 0 ? mark : indent) + $0.element } + tail
  }

  private static func wrap(_ text: String) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in Words.printable(text).split(separator: " ") {
      if !line.isEmpty && line.count + 1 + word.count > 73 {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }

  var json: JSON {
    .object([
      ("check", .text(check)), ("state", .text(state.rawValue)), ("finding", .text(what)),
      ("meaning", .text(meaning)),
    ])
  }
}
