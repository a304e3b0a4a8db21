/// Stopping a call in the middle, to place a death or another thread's call exactly there.
extension Simulation {
  /// A place in a call: what the thread is about to do.
  package struct Point: Equatable, Sendable {
    package var access: Access
    package var offset: Int
  }

  /// Begins a call and runs it up to the first point that `isWanted`; false when the call ended, or
  /// slept, without one.
  package func start(
    _ thread: ThreadID, semop operations: [Operation], until isWanted: (Point) -> Bool
  ) -> Bool {
    start(thread, operate(operations), until: isWanted)
  }

  func start(_ thread: ThreadID, _ call: Call, until isWanted: (Point) -> Bool) -> Bool {
    begin(thread, call)
    return advance(thread, until: isWanted)
  }

  /// Goes on to the next such point.
  package func advance(_ thread: ThreadID, until isWanted: (Point) -> Bool) -> Bool {
    world.state.mode = .explore
    world.state.threads[thread.slot].isHeld = true
    defer { world.state.mode = .direct }
    while world.state.threads[thread.slot].status == .ready {
      world.resume(thread.slot)
      let state = world.state.threads[thread.slot]
      if state.status == .ready && isWanted(Point(access: state.access, offset: state.offset)) {
        return true
      }
    }
    world.state.threads[thread.slot].isHeld = false
    return false
  }

  /// Lets a thread that was stopped run on to the end of its call, or to its sleep.
  package func finish(_ thread: ThreadID) -> Outcome {
    world.state.threads[thread.slot].isHeld = false
    return outcome(thread)
  }
}
