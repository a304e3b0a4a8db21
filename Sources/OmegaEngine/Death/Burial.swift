/// What the end of a process does to an object, done by whoever enters a section next.
extension Section {
  /// Applies what every member that has ended left and frees its slot. Every section begins with it,
  /// so nothing is decided on a state that a death has already changed.
  mutating func settleDead() {
    for slot in 0..<object.memberHigh where object.isDead(slot, host) { bury(slot) }
  }

  /// One dead member: its sleepers leave, what it leaves is applied, sleepers are served.
  ///
  /// A series of transactions; the slot is freed by the last, so a death in between only means that
  /// the rest is done later.
  mutating func bury(_ slot: Int) {
    dropSleepers(of: slot) { _ in true }
    for waiter in 0..<object.waiterHigh where object.waiterOwner(waiter).member == slot {
      // Finished, but nobody is left to read the result.
      Object.discard(&self, waiter)
      commit()
    }
    let end = Object.applyEnd(&self, of: slot)
    write(0, frame.member(slot) + Member.record)
    write(0, frame.member(slot) + Member.startTime)
    write(0, frame.member(slot) + Member.pid)
    commit()
    image.store32(0, frame.member(slot) + Member.life)
    Object.finishEnd(&self, end)
  }
}
