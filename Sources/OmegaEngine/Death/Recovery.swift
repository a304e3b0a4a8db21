/// What the next owner of the lock does after its owner died.
extension Section {
  /// Rolls back the open transaction, wakes whose result was committed, serves what is still owed.
  ///
  /// Every step can be repeated, so a death in here leaves the same work to the next one; the
  /// guardian chosen first sees to it that there is a next one.
  mutating func recover() {
    let count = image.load(Header.journalCount)
    rollback(count: Int(min(count, UInt64(frame.journalCapacity))))
    chooseGuardian()
    for slot in 0..<object.waiterHigh {
      let waiter = frame.waiter(slot)
      let status = image.load(waiter + Waiter.status) & 0xFFFF_FFFF
      if status == WaiterStatus.finished {
        // Also with the word 0 already: the death may have come between the store and the wake.
        freeOrWake(slot)
      } else if status == WaiterStatus.queued && slot != guardian {
        // A guardian whose ward is dead: the work is ours now. Whoever made its watch list from what was
        // rolled back must make another, and perhaps the dead one was about to kick somebody.
        host.crashPoint()
        image.store32(freshIdle(slot), waiter + Waiter.futex)
        host.wake(image, waiter + Waiter.futex, count: 1)
      }
    }
    if image.load(Header.needsServe) != 0 || !isLive { Object.serveEverybody(&self) }
  }

  /// A finished call whose sleeper has not been told, or can no longer be.
  private mutating func freeOrWake(_ slot: Int) {
    if ownerIsDead(slot) {
      Object.discard(&self, slot)
      commit()
    } else {
      wakeFinished(slot)
    }
  }
}
