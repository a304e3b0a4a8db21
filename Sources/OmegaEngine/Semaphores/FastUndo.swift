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
  @unsafe @inlinable @inline(__always)
  public func fastOperateUndo(
    semaphore: Int, amount: Int, pid: UInt32, member: Int
  ) -> FastResult {
    let cell = layout.cell(semaphore)
    let intentOffset = layout.member(member) &+ Member.intent
    let adjustmentOffset = layout.adjustment(member, semaphore)
    while true {
      // SAFETY: the caller checked that the semaphore and the member slot exist.
      let old = unsafe SemaphoreWord(bits: image.loadTrusted(cell))
      let epoch = unsafe image.loadTrusted(cell &+ Cell.undoEpoch)
      let before = unsafe Adjustment(bits: image.loadTrusted(adjustmentOffset))
      let held = before.amount(epoch: epoch)
      // Free, or the only adjustment is our own.
      if !old.isFree && !(old.isQuiet && old.holders == 1 && held != 0) {
        if !isUsable(old, semaphore: semaphore, member: member) { return .slow }
        if old.mark != 0 { continue }
      }
      let value = old.value &+ amount
      if value < 0 { return .blocked }
      if value > Limit.semaphoreValue { return .outOfRange }
      let holding = held &- amount
      if holding < -Limit.adjustment - 1 || holding > Limit.adjustment { return .outOfRange }

      let last = unsafe Intent(bits: image.loadTrusted(intentOffset)).sequence
      let sequence = (last &+ 1) & 0xFF_FFFF
      let intent = Intent(amount: 0 &- amount, semaphore: semaphore, sequence: sequence)
      unsafe image.storeTrusted(intent.bits, intentOffset)

      var marked = old
      marked.value = value
      marked.countHolder(old: held, new: holding)
      marked.pid = intent.tag
      marked.mark = member &+ 1
      if unsafe !image.exchangeTrusted(old.bits, marked.bits, cell) { continue }

      // From here on both swaps may fail, because somebody else finished the operation for us.
      let after = Adjustment(amount: holding, epoch: epoch, sequence: sequence)
      _ = unsafe image.exchangeTrusted(before.bits, after.bits, adjustmentOffset)
      var new = marked
      new.mark = 0
      new.pid = pid
      _ = unsafe image.exchangeTrusted(marked.bits, new.bits, cell)
      return .done
    }
  }
}
