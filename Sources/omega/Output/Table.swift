/// Rows under headings, two blanks apart, numbers to the right.
struct Table {
  enum Alignment { case left, right }

  private let columns: [(String, Alignment)]
  private var rows: [[String]] = []

  init(_ columns: [(String, Alignment)]) { self.columns = columns }

  mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "a cell for every column")
    rows.append(cells.map(Words.printable))
  }

  var isEmpty: Bool { rows.isEmpty }

  /// The lines, without blanks at their ends.
  var lines: [String] {
    let all = [columns.map(\.0)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { cells in
      var line = ""
      for (index, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - cell.count)
        line += columns[index].1 == .right ? padding + cell : cell + padding
        line += "  "
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  func show() { for line in lines { print(line) } }
}
