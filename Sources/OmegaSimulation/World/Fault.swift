/// Ways to break the engine or its host on purpose: a test suite that does not notice one of these
/// proves nothing.
package enum Fault: UInt8, CaseIterable, Sendable {
  case none
  /// `wake` of a sleeper's word does nothing.
  case losesWakes
  /// `wake` of the lock's word does nothing.
  case losesLockWakes
  /// The kernel never marks a dead thread's words.
  case forgetsRobustList
  /// `protect` knows the lock only: no guardian is ever woken by a death.
  case forgetsGuardian
  /// Nobody ever looks dead.
  case trustsTheDead
  /// Everybody else looks dead to those who wait for the lock.
  case stealsLocks
  /// The journal is never seen to have entries.
  case losesJournal
  /// `Header.needsServe` is never raised.
  case forgetsServing
  /// Fast operations leave the adjustment alone.
  case losesAdjustments
  /// The slow bit never goes up.
  case losesSlowBits
  /// Watch lists are empty.
  case watchesNobody
  /// `finishInstructions` does nothing.
  case waitsForNoInstruction
  /// Of a queue: a fast call's record is not seen to be committed.
  case losesRecords
  /// Of a queue: a cell that was taken from a stock stays there as well.
  case usesCellsTwice
  /// Of a queue: cells are not put into the free lists.
  case losesCells
}

extension World {
  /// Whether the store of `value` is to get lost.
  func swallows(_ value: UInt64, _ offset: Int) -> Bool {
    if state.fault == .none || state.current < 0 { return false }
    switch state.fault {
    case .losesJournal:
      return offset == Header.journalCount && value != 0
    case .forgetsServing:
      return offset == Header.needsServe && value != 0
    case .losesRecords, .usesCellsTwice, .losesCells:
      return swallowsOfQueue(value, offset)
    case .losesAdjustments:
      return offset >= layout.adjustments && offset < layout.frame.waiters
        && !holdsLock(state.current)
    case .losesSlowBits:
      let isWord =
        offset >= SetLayout.headerByteCount && offset < layout.frame.journal
        && offset & 63 == Cell.word
      return isWord && SemaphoreWord(bits: value).isSlow
        && !SemaphoreWord(bits: image.peek(offset)).isSlow
    default:
      return false
    }
  }
}
