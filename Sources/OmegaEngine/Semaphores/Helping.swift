extension SemaphoreSet {
  /// Finishes the fast SEM_UNDO operation that is in flight in `marked`, whoever's it is and whether
  /// that member is alive, stopped or dead. Returns when it is finished, by us or by another.
  ///
  /// Applied exactly once: the adjustment carries the sequence of the last operation that changed it,
  /// and the word carries the sequence of the one in flight, so a late helper or owner fails its swap.
  @usableFromInline
  func finish(_ semaphore: Int, _ marked: SemaphoreWord) {
    let member = marked.mark - 1
    var new = marked
    new.mark = 0
    guard member < SetLayout.memberCapacity else {
      _ = exchange(semaphore, marked, new)  // Damage: no such member.
      return
    }
    let slot = layout.member(member)
    let intent = Intent(bits: image.load(slot &+ Member.intent))
    let offset = layout.adjustment(member, semaphore)
    let before = Adjustment(bits: image.load(offset))
    let epoch = undoEpoch(semaphore)
    // Read after the loads above: still in flight, so they belong together.
    guard word(semaphore) == marked else { return }
    if intent.tag == marked.pid && intent.semaphore == semaphore
      && before.sequence != intent.sequence
    {
      let amount = before.amount(epoch: epoch) + intent.amount
      let after = Adjustment(
        amount: min(max(amount, Int(Int16.min)), Int(Int16.max)), epoch: epoch,
        sequence: intent.sequence)
      _ = image.exchange(before.bits, after.bits, offset)
    }
    new.pid = memberPid(member)
    _ = exchange(semaphore, marked, new)
  }
}
