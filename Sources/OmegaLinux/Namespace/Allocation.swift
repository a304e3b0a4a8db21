import COmegaLinux
import OmegaEngine

/// Where identifiers come from: the namespace's `sequence` file.
///
/// | offset | word |
/// |---|---|
/// | 0 | 1 + last index (low half), sequence number (high half) |
/// | 8 | objects in use, a hint |
/// | 16 | units of them in use (semaphores, pages), a hint |
/// | 24 | segments that are marked for removal, a hint |
/// | 32 | when such were looked for the last time |
///
/// for semaphore sets; the same from 64 on for queues, and from 128 on for segments.
///
/// In a shared namespace everybody may write it, so nothing depends on it but which identifier is
/// next; the truth is in the names of the directory.
extension Namespace {
  private static var last: Int { 0 }
  static var objectsInUse: Int { 8 }
  static var unitsInUse: Int { 16 }
  static var doomed: Int { 24 }
  static var lastSweep: Int { 32 }

  /// Reserves the next index and sequence number, cyclically as Linux does (semantics B0.2).
  ///
  /// Reserved before the name is made, so an identifier is never given twice even when its first user
  /// dies.
  /// `taken` counts the names found taken meanwhile: each widens the search, so that names that are no
  /// sets of ours cannot block it.
  func reserveIdentifier(_ kind: ObjectKind, taken: Int = 0) -> Int32 {
    // SAFETY: the image is mapped for the life of the process.
    let sequence = unsafe state.pointee.sequence
    let base = kind.sequenceOffset
    while true {
      let old = sequence.load(base + Namespace.last)
      let previous = Int(old & 0xFFFF_FFFF) - 1
      var number = Int(old >> 32) & 0xFFFF
      let inUse = Int(truncatingIfNeeded: min(sequence.load(base + Namespace.objectsInUse), 32768))
      let wrap = min(max(inUse * 3 / 2, 64) + taken, Limit.indices)
      var index = previous + 1
      if index >= wrap || index < 0 { index = 0 }
      if index <= previous { number = number == 0xFFFF ? 0 : number + 1 }
      let new = UInt64(index + 1) | UInt64(number) << 32
      if sequence.exchange(old, new, base + Namespace.last) {
        return Int32(truncatingIfNeeded: number << 15 | index)
      }
    }
  }

  /// Adds to the hints; `change` is 1 or −1.
  func countObject(_ kind: ObjectKind, units: Int, _ change: Int) {
    add(change, kind.sequenceOffset + Namespace.objectsInUse)
    add(change * units, kind.sequenceOffset + Namespace.unitsInUse)
  }

  func add(_ change: Int, _ offset: Int) {
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
    let limits = limits
    try checkLimits(
      SemaphoreSet.self, adding: semaphores, objects: limits.sets, units: limits.semaphoresInAll)
  }

  /// Throws ENOSPC when another object with so many units would pass one of the limits.
  func checkLimits<Object: StoredObject>(
    _ kind: Object.Type, adding units: Int, objects mostObjects: Int, units mostUnits: Int
  ) throws(Errno) {
    // SAFETY: as above.
    let sequence = unsafe state.pointee.sequence
    let base = Object.kind.sequenceOffset
    for attempt in 0..<2 {
      let objects = Int(truncatingIfNeeded: sequence.load(base + Namespace.objectsInUse))
      let all = Int(truncatingIfNeeded: sequence.load(base + Namespace.unitsInUse))
      if all >= 0 && objects >= 0 && all <= mostUnits - units && objects < mostObjects { return }
      // The hints may count what a killed process made or removed: count the names.
      if attempt == 0 {
        let census = census(kind)
        sequence.store(UInt64(census.objects), base + Namespace.objectsInUse)
        sequence.store(UInt64(census.units), base + Namespace.unitsInUse)
      }
    }
    throw .noSpace
  }

  /// What the directory holds now of a kind.
  func census<Object: StoredObject>(_ kind: Object.Type) -> Census {
    var census = Census()
    forEachIndex(Object.kind) { index in
      guard let known = lookUp(Object.kind, index: index), known.size > 0 else { return }
      census.objects += 1
      census.units += Object.units(size: known.size)
      census.highestIndex = max(census.highestIndex, index)
    }
    return census
  }
}

/// How many objects of a kind there are.
struct Census {
  var objects = 0
  /// Semaphores or pages in all of them.
  var units = 0
  var highestIndex = 0
}
