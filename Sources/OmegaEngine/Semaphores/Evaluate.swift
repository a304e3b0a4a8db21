/// How the evaluation of a call's operations ended.
enum Outcome {
  case done
  /// The operation at this index cannot proceed; the call may wait.
  case blocked(at: Int)
  case failed(Errno)
}

/// A call as the engine sees it: the operations stand in the caller's memory or in a waiter slot.
struct Request {
  var count: Int
  var pid: UInt32
  /// The member charged for SEM_UNDO, or −1.
  var member: Int
}

extension Section where Object == SemaphoreSet {
  /// Evaluates the operations in array order on running values and applies all or none of them
  /// (semop(2); first problem wins, semantics B2.3–B2.8). The open transaction must be empty; after
  /// `.done` it holds the changes, otherwise it is empty again.
  mutating func evaluate(
    _ request: Request, _ operation: (Int) -> Operation
  ) -> Outcome {
    madeHolder = false
    for index in 0..<request.count {
      let current = operation(index)
      let semaphore = current.semaphore
      guard semaphore < layout.semaphoreCount else { return takeBack(.failed(.fileTooLarge)) }
      var word = set.word(semaphore)
      let value = word.value + current.amount
      if current.amount == 0 ? word.value != 0 : value < 0 {
        return takeBack(current.refusesToWait ? .failed(.again) : .blocked(at: index))
      }
      if value > Limit.semaphoreValue { return takeBack(.failed(.outOfRange)) }
      if current.usesUndo && current.amount != 0 && request.member >= 0 {
        let offset = layout.adjustment(request.member, semaphore)
        let epoch = set.undoEpoch(semaphore)
        let before = Adjustment(bits: image.load(offset))
        let held = before.amount(epoch: epoch)
        let holding = held - current.amount
        if holding < -Limit.adjustment - 1 || holding > Limit.adjustment {
          return takeBack(.failed(.outOfRange))
        }
        write(
          Adjustment(amount: holding, epoch: epoch, sequence: before.sequence).bits, offset)
        word.countHolder(old: held, new: holding)
        if held == 0 && holding != 0 { madeHolder = true }
      }
      word.value = value
      word.pid = request.pid
      write(word.bits, layout.cell(semaphore))
    }
    write(UInt64(bitPattern: host.now()), Header.otime)
    return .done
  }

  private mutating func takeBack(_ outcome: Outcome) -> Outcome {
    rollback()
    return outcome
  }

  /// Raises the slow bit, after which only this section changes the semaphore, and moves a solo
  /// adjustment to its member's cell. The open transaction must be empty.
  @inline(never)
  mutating func raiseSlow(_ semaphore: Int) {
    while true {
      let word = set.word(semaphore)
      if word.isOneOfSeveral {
        guard settleSeveral(semaphore, word) else { return }
        continue
      }
      if word.mark != 0 {
        set.finish(semaphore, word)
        continue
      }
      if word.isSlow {
        if word.isSolo { moveSolo(semaphore, word) }
        return
      }
      var new = word
      new.isSlow = true
      host.crashPoint()
      _ = set.exchange(semaphore, word, new)
    }
  }

  private mutating func moveSolo(_ semaphore: Int, _ word: SemaphoreWord) {
    let offset = layout.adjustment(
      min(max(word.soloMember, 0), SetLayout.memberCapacity), semaphore)
    let sequence = Adjustment(bits: image.load(offset)).sequence
    let moved = Adjustment(
      amount: word.soloAmount, epoch: set.undoEpoch(semaphore), sequence: sequence)
    write(moved.bits, offset)
    var new = word
    new.clearSolo()
    write(new.bits, layout.cell(semaphore))
    commit()
  }

  /// Lowers the slow bit unless somebody sleeps on the semaphore. Call after the commit.
  ///
  /// A bit that a dead section left up only costs the next call its way through the lock.
  func lowerSlow(_ semaphore: Int) {
    let cell = layout.cell(semaphore)
    if image.load(cell + Cell.alterQueue) != 0 || image.load(cell + Cell.constQueue) != 0
      || image.load(cell + Cell.complexReferences) != 0
    {
      return
    }
    var word = set.word(semaphore)
    // Down already, for a call that names the semaphore twice: the word is no longer ours to store.
    guard word.isSlow else { return }
    word.isSlow = false
    host.crashPoint()
    image.store(word.bits, cell)
  }

  mutating func raiseAll() {
    for semaphore in 0..<layout.semaphoreCount { raiseSlow(semaphore) }
  }

  func lowerAll() {
    for semaphore in 0..<layout.semaphoreCount { lowerSlow(semaphore) }
  }
}
