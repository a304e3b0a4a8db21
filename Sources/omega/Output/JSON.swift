/// A JSON value, written without help from a library.
enum JSON {
  case null
  case bool(Bool)
  case number(Int)
  case unsigned(UInt)
  case text(String)
  case array([JSON])
  /// Members stay in this order.
  case object([(String, JSON)])

  static func optional(_ number: Int?) -> JSON { number.map { .number($0) } ?? .null }
  static func optional(_ text: String?) -> JSON { text.map { .text($0) } ?? .null }
}

extension JSON: CustomStringConvertible {
  var description: String {
    var out = ""
    write(to: &out, indent: 0)
    return out
  }

  private func write(to out: inout String, indent: Int) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let value): out += String(value)
    case .unsigned(let value): out += String(value)
    case .text(let value): JSON.quote(value, to: &out)
    case .array(let values):
      JSON.block("[", "]", values.count, &out, indent) { index, out in
        values[index].write(to: &out, indent: indent + 2)
      }
    case .object(let members):
      JSON.block("{", "}", members.count, &out, indent) { index, out in
        JSON.quote(members[index].0, to: &out)
        out += ": "
        members[index].1.write(to: &out, indent: indent + 2)
      }
    }
  }

  private static func block(
    _ open: String, _ close: String, _ count: Int, _ out: inout String, _ indent: Int,
    _ element: (Int, inout String) -> Void
  ) {
    out += open
    for index in 0..<count {
      out += (index == 0 ? "\n" : ",\n") + String(repeating: " ", count: indent + 2)
      element(index, &out)
    }
    if count > 0 { out += "\n" + String(repeating: " ", count: indent) }
    out += close
  }

  private static func quote(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }
}
