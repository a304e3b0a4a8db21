extension SemaphoreSet {
  /// As `isArmed(_:)` with a slot, for a member slot at a trusted offset.
  @unsafe @inlinable @inline(__always)
  public static func isArmed(_ image: Image, member offset: Int) -> Bool {
    // SAFETY: the offset is trusted, says the caller.
    let life = unsafe image.loadTrusted32(offset &+ Member.life)
    return life & Futex.ownerMask != 0 && life & Futex.ownerDied == 0
  }

  /// One operation with SEM_UNDO on a semaphore of which nobody else holds an adjustment: the
  /// adjustment stands in the word itself, so this is one compare-and-swap and a death has no middle.
  /// `.slow` when others hold some or it is larger than the word can tell; `fastOperateUndo` knows more.
  ///
  /// `cell` is the layout's offset of a semaphore that was checked to exist, `member` a claimed slot.
  @unsafe @inlinable @inline(__always)
  public static func tryOperateUndo(
    _ image: Image, cell: Int, amount: Int, pid: UInt32, member: Int
  ) -> FastResult {
    while true {
      // SAFETY: the cell's offset is trusted, says the caller.
      let old = unsafe SemaphoreWord(bits: image.loadTrusted(cell))
      let held: Int
      if old.isFree {
        held = 0
      } else if old.isSolo(of: member) {
        held = old.soloAmount
      } else {
        return .slow
      }
      let value = old.value &+ amount
      if value < 0 { return .blocked }
      if value > Limit.semaphoreValue { return .outOfRange }
      let holding = held &- amount
      if !SemaphoreWord.fitsSolo(holding) { return .slow }
      var new = old
      new.value = value
      new.pid = pid
      new.setSolo(member: member, amount: holding)
      if unsafe image.exchangeTrusted(old.bits, new.bits, cell) { return .done }
    }
  }

  /// One operation with SEM_UNDO on a semaphore of which several members hold adjustments, lock-free.
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
      // A solo adjustment that cannot grow or is another's is moved out of the word under the lock.
      if old.isSlow || old.isSolo { return .slow }
      if !old.isFree {
        if !isUsable(old, semaphore: semaphore, member: member) { return .slow }
        if old.isInFlight { continue }
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

      // From here on both swaps may fail, because somebody else finished the operation for us; or the
      // adjustment was changed meanwhile by another thread of ours whose call went through the lock, and
      // the word came back to `old`: then it is finished as a helper would.
      let after = Adjustment(amount: holding, epoch: epoch, sequence: sequence)
      if unsafe !image.exchangeTrusted(before.bits, after.bits, adjustmentOffset) {
        while word(semaphore) == marked { finish(semaphore, marked) }
        return .done
      }
      var new = marked
      new.mark = 0
      new.pid = pid
      _ = unsafe image.exchangeTrusted(marked.bits, new.bits, cell)
      return .done
    }
  }
}
