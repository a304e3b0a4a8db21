extension SemaphoreSet {
  /// One operation with SEM_UNDO, lock-free.
  ///
  /// Three steps, each a compare-and-swap: mark the word and change the value; change the
  /// adjustment; clear the mark. The intent, stored before the first, tells anybody how to go on, so
  /// a death (or a stop) between any two instructions leaves nothing undecided:
  ///
  /// | the owner ends after | what others see | what they do |
  /// |---|---|---|
  /// | the intent | no mark | nothing: it has not happened |
  /// | the mark | mark, old adjustment | finish it, then apply the undo |
  /// | the adjustment | mark, new adjustment | clear the mark, then apply the undo |
  ///
  /// Only one operation of a member may be between the intent and the last step: the caller sees to it.
  @inlinable @inline(__always)
  public func fastOperateUndo(
    semaphore: Int, amount: Int, pid: UInt32, member: Int, now: Int64
  ) -> FastResult {
    let intentOffset = layout.member(member) &+ Member.intent
    let adjustmentOffset = layout.adjustment(member, semaphore)
    while true {
      let old = word(semaphore)
      if !old.isFree && !isUsable(old, semaphore: semaphore, member: member) { return .slow }
      let value = old.value &+ amount
      if value < 0 { return .blocked }
      if value > Limit.semaphoreValue { return .outOfRange }

      let epoch = undoEpoch(semaphore)
      let before = Adjustment(bits: image.load(adjustmentOffset))
      let held = before.amount(epoch: epoch)
      let holding = held &- amount
      if holding < -Limit.adjustment - 1 || holding > Limit.adjustment { return .outOfRange }

      let sequence = (Intent(bits: image.load(intentOffset)).sequence &+ 1) & 0xFF_FFFF
      let intent = Intent(amount: 0 &- amount, semaphore: semaphore, sequence: sequence)
      image.store(intent.bits, intentOffset)

      var marked = old
      marked.value = value
      marked.countHolder(old: held, new: holding)
      marked.pid = intent.tag
      marked.mark = member &+ 1
      if !exchange(semaphore, old, marked) { continue }

      // From here on both swaps may fail, because somebody else finished the operation for us.
      let after = Adjustment(amount: holding, epoch: epoch, sequence: sequence)
      _ = image.exchange(before.bits, after.bits, adjustmentOffset)
      var new = marked
      new.mark = 0
      new.pid = pid
      _ = exchange(semaphore, marked, new)
      break
    }
    noteTime(semaphore, now)
    return .done
  }
}
