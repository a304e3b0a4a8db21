/// The write-ahead undo journal: pairs of (offset, old value), counted in the header.
///
/// Only the owner of the lock writes it. Stores reach memory in program order as far as a survivor
/// can see: it looks after the kernel ended the writer. So it is enough that the entry is stored
/// before the count, and the count before the word itself; the release stores keep the compiler from
/// changing that order.
extension Section {
  /// Journals the word at `offset`, then stores `value` in it.
  mutating func write(_ value: UInt64, _ offset: Int) {
    let old = image.load(offset)
    if old == value { return }
    // Unreachable: the capacity is that of the largest transaction.
    guard journalCount < frame.journalCapacity else { return }
    let entry = frame.journalEntry(journalCount)
    host.crashPoint()
    image.store(UInt64(offset), entry)
    image.store(old, entry + 8)
    journalCount += 1
    image.store(UInt64(journalCount), Header.journalCount)
    host.crashPoint()
    image.store(value, offset)
    host.crashPoint()
  }

  /// Makes the open transaction's writes final.
  mutating func commit() {
    if journalCount == 0 { return }
    host.crashPoint()
    journalCount = 0
    image.store(0, Header.journalCount)
    host.crashPoint()
  }

  /// Takes the open transaction's writes back.
  mutating func rollback() {
    rollback(count: journalCount)
    journalCount = 0
  }

  /// Restores `count` entries, newest first. Restoring twice is the same as once, so a death in here
  /// only means that the next one starts again.
  func rollback(count: Int) {
    if count == 0 { return }
    var index = min(count, frame.journalCapacity)
    while index > 0 {
      index -= 1
      let entry = frame.journalEntry(index)
      let offset = Int(truncatingIfNeeded: image.load(entry))
      host.crashPoint()
      // A scribbled entry must not reach the lock or the geometry.
      if offset >= Header.key && offset < frame.byteCount && offset & ~7 != Header.lock {
        image.store(image.load(entry + 8), offset)
      }
    }
    host.crashPoint()
    image.store(0, Header.journalCount)
  }

  /// Claims memory for `entries` journal entries; false when the file system is full.
  func reserveJournal(_ entries: Int) -> Bool {
    let wanted = min(entries, frame.journalCapacity)
    if UInt64(wanted) <= image.load(Header.journalClaimed) { return true }
    guard host.claim(image, frame.journalEntry(0), byteCount: 16 * wanted) else { return false }
    image.store(UInt64(wanted), Header.journalClaimed)
    return true
  }
}
