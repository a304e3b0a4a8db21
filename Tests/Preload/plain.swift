// A Swift program that knows nothing of IPC: classes, existentials, generics, strings, tasks,
// errors. It must print the same with the drop-in (an Embedded Swift library) preloaded.
protocol Shape { func area() -> Double }
struct Square: Shape {
  let side: Double
  func area() -> Double { side * side }
}
final class Circle: Shape {
  let radius: Double
  init(_ radius: Double) { self.radius = radius }
  func area() -> Double { 3 * radius * radius }
  deinit { print("circle \(radius) released") }
}
struct Odd: Error { let number: Int }
func half(_ number: Int) throws -> Int {
  guard number % 2 == 0 else { throw Odd(number: number) }
  return number / 2
}

var shapes: [any Shape] = [Square(side: 2), Circle(1), Circle(2)]
print(shapes.map { $0.area() }.reduce(0, +))
shapes.removeAll()
do { _ = try half(3) } catch let error as Odd { print("odd \(error.number)") }
var counts: [String: Int] = [:]
for word in "one two three two three three".split(separator: " ") {
  counts[String(word), default: 0] += 1
}
print(counts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
let sum = await withTaskGroup(of: Int.self) { group in
  for number in 1...20 {
    group.addTask {
      await Task.yield()
      return number * number
    }
  }
  return await group.reduce(0, +)
}
print("sum of squares \(sum)")
var strong: Circle? = Circle(9)
weak var gone = strong
strong = nil
print(gone == nil ? "weak reference cleared" : "still there")
