import Testing

@testable import OmegaSimulation

extension Simulation.Outcome {
  static let tooBig = Self.failed(.argumentListTooLong)
  static let noMessage = Self.failed(.noMessage)
  static let denied = Self.failed(.accessDenied)
}

/// A simulation of a queue whose image is looked over after every call.
final class QueueBench {
  let simulation: Simulation
  /// A process that only looks.
  let observer: ProcessID

  init(queueBytes: Int = 16384) {
    simulation = Simulation(queueBytes: queueBytes)
    observer = simulation.startProcess()
  }

  var image: Image { simulation.world.image }

  func process() -> ProcessID { simulation.startProcess() }

  func processes<let count: Int>() -> InlineArray<count, ProcessID> {
    InlineArray { _ in simulation.startProcess() }
  }

  func send(
    _ process: ProcessID, _ type: Int, _ byteCount: Int = 8, message: UInt64 = 0,
    flags: Int32 = 0, at location: SourceLocation = #_sourceLocation
  ) -> Simulation.Outcome {
    let outcome = simulation.send(
      process.first, type: type, byteCount: byteCount, message: message, flags: flags)
    check(location)
    return outcome
  }

  func receive(
    _ process: ProcessID, _ type: Int = 0, room: Int = 8192, flags: Int32 = 0,
    at location: SourceLocation = #_sourceLocation
  ) -> Simulation.Outcome {
    let outcome = simulation.receive(process.first, type: type, capacity: room, flags: flags)
    check(location)
    return outcome
  }

  /// Receives without waiting; the message's number, 0 for none.
  func take(
    _ process: ProcessID, _ type: Int = 0, flags: Int32 = 0,
    at location: SourceLocation = #_sourceLocation
  ) -> UInt64 {
    guard case .value = receive(process, type, flags: flags | Flag.noWait, at: location) else {
      return 0
    }
    return simulation.received(process.first).message
  }

  func outcome(_ process: ProcessID) -> Simulation.Outcome { simulation.outcome(process.first) }
  func received(_ process: ProcessID) -> UInt64 { simulation.received(process.first).message }
  func pid(_ process: ProcessID) -> Int { Int(simulation.pid(process)) }

  var status: Simulation.Status {
    simulation.queueStatus(observer.first)
      ?? .init(
        messages: -1, bytes: -1, lastSender: -1, lastReceiver: -1, stime: -1, rtime: -1, ctime: -1,
        queueBytes: -1)
  }

  var messages: [UInt64] { (simulation.queued ?? []).map(\.message) }
  var now: Int { Int(1_000_000 + simulation.world.state.nanoseconds / 1_000_000_000) }
  func pass(seconds: Int) { simulation.pass(nanoseconds: Int64(seconds) * 1_000_000_000) }

  func setQueue(
    _ queueBytes: Int, mode: Int = 0o600, id: Int = 0,
    at location: SourceLocation = #_sourceLocation
  ) {
    #expect(
      simulation.setQueue(observer.first, id: id, mode: mode, queueBytes: queueBytes) == .success,
      sourceLocation: location)
    check(location)
  }

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
