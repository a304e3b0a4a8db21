import Testing

@testable import OmegaSimulation

extension Operation {
  static func add(_ amount: Int, on semaphore: Int = 0, _ flags: Int32 = 0) -> Operation {
    Operation(semaphore: semaphore, amount: amount, flags: flags)
  }
  static func zero(on semaphore: Int = 0, _ flags: Int32 = 0) -> Operation {
    Operation(semaphore: semaphore, amount: 0, flags: flags)
  }
}

extension Simulation.Outcome {
  static let again = Self.failed(.again)
  static let outOfRange = Self.failed(.outOfRange)
  static let removed = Self.failed(.identifierRemoved)
  static let interrupted = Self.failed(.interrupted)
}

/// A simulation whose image is looked over after every call, and at the end.
final class Bench {
  let simulation: Simulation
  /// A process that only looks.
  let observer: ProcessID

  init(_ values: [Int] = [0]) {
    simulation = Simulation(semaphores: values.count)
    observer = simulation.startProcess()
    for (semaphore, value) in values.enumerated() where value != 0 {
      _ = simulation.setValue(observer.first, semaphore, value)
    }
  }

  var image: Image { simulation.world.image }

  func process() -> ProcessID { simulation.startProcess() }

  func semop(
    _ process: ProcessID, _ operations: Operation..., timeout: Int64? = nil,
    at location: SourceLocation = #_sourceLocation
  ) -> Simulation.Outcome {
    let outcome = simulation.semop(process.first, operations, timeout: timeout)
    check(location)
    return outcome
  }

  func outcome(_ process: ProcessID) -> Simulation.Outcome { simulation.outcome(process.first) }

  func setValue(
    _ value: Int, on semaphore: Int = 0, by process: ProcessID? = nil,
    at location: SourceLocation = #_sourceLocation
  ) {
    #expect(
      simulation.setValue((process ?? observer).first, semaphore, value) == .success,
      sourceLocation: location)
    check(location)
  }

  var values: [Int] { simulation.getAll(observer.first) ?? [] }

  func value(_ semaphore: Int = 0) -> Int {
    guard case .value(let value) = simulation.getValue(observer.first, semaphore) else { return -1 }
    return value
  }

  func pid(_ semaphore: Int = 0) -> UInt32 {
    guard case .value(let pid) = simulation.getPid(observer.first, semaphore) else { return .max }
    return UInt32(pid)
  }

  /// GETNCNT and GETZCNT.
  func counts(_ semaphore: Int = 0) -> [Int] {
    simulation.counts(observer.first, semaphore).map {
      if case .value(let count) = $0 { count } else { -1 }
    }
  }

  var otime: Int { simulation.times(observer.first)?.otime ?? -1 }
  var ctime: Int { simulation.times(observer.first)?.ctime ?? -1 }
  var now: Int { Int(1_000_000 + simulation.world.state.nanoseconds / 1_000_000_000) }
  func pass(seconds: Int) { simulation.pass(nanoseconds: Int64(seconds) * 1_000_000_000) }

  func kill(_ process: ProcessID, at location: SourceLocation = #_sourceLocation) {
    simulation.kill(process)
    simulation.settle()
    check(location)
  }

  func check(_ location: SourceLocation = #_sourceLocation) {
    #expect(simulation.brokenInvariant() == nil, sourceLocation: location)
    #expect(simulation.forgottenSleeper() == nil, sourceLocation: location)
  }
}
