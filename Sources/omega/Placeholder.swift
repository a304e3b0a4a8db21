import ArgumentParser

@main
struct Omega: ParsableCommand {
  func run() throws {
    throw ValidationError("not written yet")
  }
}
