/// Programs: calls that a thread makes by itself, one after the other.
extension World {
  /// Sets the thread's next call; false when its program is at its end.
  func nextOfProgram(_ thread: Int) -> Bool {
    let program = state.threads[thread].program
    if program < 0 { return false }
    let position = state.threads[thread].position
    guard position < programCount(program) else { return false }
    state.threads[thread].position = position + 1
    state.threads[thread].call = programCall(program, position)
    state.threads[thread].hasResult = false
    return true
  }
}
