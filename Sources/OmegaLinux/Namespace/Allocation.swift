import COmegaLinux
import OmegaEngine

/// Where identifiers come from: the namespace's `sequence` file.
///
/// | offset | word |
/// |---|---|
/// | 0 | 1 + last index (low half), sequence number (high half) |
/// | 8 | sets in use, a hint |
/// | 16 | semaphores in use, a hint |
///
/// In a shared namespace everybody may write it, so nothing depends on it but which identifier is
/// next; the truth is in the names of the directory.
extension Namespace {
  private static var last: Int { 0 }
  static var setsInUse: Int { 8 }
  static var semaphoresInUse: Int { 16 }

  /// Reserves the next index and sequence number, cyclically as Linux does (semantics B0.2).
  ///
  /// Reserved before the name is made, so an identifier is never given twice even when its first user
  /// dies.
  /// `taken` counts the names found taken meanwhile: each widens the search, so that names that are no
  /// sets of ours cannot block it.
  func reserveIdentifier(taken: Int = 0) -> Int32 {
    // SAFETY: the image is mapped for the life of the process.
    let sequence = unsafe state.pointee.sequence
    while true {
      let old = sequence.load(Namespace.last)
      let previous = Int(old & 0xFFFF_FFFF) - 1
      var number = Int(old >> 32) & 0xFFFF
      let inUse = Int(truncatingIfNeeded: min(sequence.load(Namespace.setsInUse), 32768))
      let wrap = min(max(inUse * 3 / 2, 64) + taken, Limit.indices)
      var index = previous + 1
      if index >= wrap || index < 0 { index = 0 }
      if index <= previous { number = number == 0xFFFF ? 0 : number + 1 }
      let new = UInt64(index + 1) | UInt64(number) << 32
      if sequence.exchange(old, new, Namespace.last) {
        return Int32(truncatingIfNeeded: number << 15 | index)
      }
    }
  }

  /// Adds to the hints; `change` is 1 or −1.
  func countSet(semaphores: Int, _ change: Int) {
    add(change, Namespace.setsInUse)
    add(change * semaphores, Namespace.semaphoresInUse)
  }

  private func add(_ change: Int, _ offset: Int) {
    // SAFETY: as above.
    let sequence = unsafe state.pointee.sequence
    while true {
      let old = sequence.load(offset)
      let new = max(Int(truncatingIfNeeded: old) &+ change, 0)
      if sequence.exchange(old, UInt64(new), offset) { return }
    }
  }

  /// Throws ENOSPC when a set of that size would pass SEMMNS or SEMMNI.
  func checkLimits(adding semaphores: Int) throws(Errno) {
    // SAFETY: as above.
    let sequence = unsafe state.pointee.sequence
    let limits = limits
    for attempt in 0..<2 {
      let sets = Int(truncatingIfNeeded: sequence.load(Namespace.setsInUse))
      let all = Int(truncatingIfNeeded: sequence.load(Namespace.semaphoresInUse))
      if all >= 0 && sets >= 0 && all <= limits.semaphoresInAll - semaphores && sets < limits.sets {
        return
      }
      // The hints may count what a killed process made or removed: count the names.
      if attempt == 0 {
        let census = census()
        sequence.store(UInt64(census.sets), Namespace.setsInUse)
        sequence.store(UInt64(census.semaphores), Namespace.semaphoresInUse)
      }
    }
    throw .noSpace
  }

  /// What the directory holds now.
  func census() -> (sets: Int, semaphores: Int, highestIndex: Int) {
    var sets = 0
    var semaphores = 0
    var highest = 0
    forEachIndex(.semaphores) { index in
      guard let known = lookUp(.semaphores, index: index), known.size > 0 else { return }
      sets += 1
      semaphores += known.size
      highest = max(highest, index)
    }
    return (sets, semaphores, highest)
  }
}
