/// `Descriptor.status`.
///
/// | value | the call's words | what a finder of a dead owner does |
/// |---|---|---|
/// | idle | none is marked, or a handler took the call back | gives back what is marked |
/// | undecided | some are marked | gives them back their old words |
/// | decided | each is marked or already new | gives them their new words |
public enum DescriptorStatus {
  @inlinable static var idle: UInt64 { 0 }
  @inlinable static var undecided: UInt64 { 1 }
  @inlinable static var decided: UInt64 { 2 }

  @inlinable @inline(__always)
  static func word(_ status: UInt64, count: Int, tid: UInt32, sequence: UInt64) -> UInt64 {
    status | UInt64(truncatingIfNeeded: count) << 8 | UInt64(tid & 0x3F_FFFF) << 16 | sequence << 40
  }
}

/// The calling thread as the owner of a call of several operations.
public protocol CallOwner {
  /// Until `end`, this thread's death marks the 32-bit word at `offset`, which gets its tid and
  /// `Futex.waiters`, with `Futex.ownerDied`. So does `exec`, by this thread or another: the process
  /// lives on then, but nobody goes on with the call. False when the host cannot do that now.
  func begin(_ image: Image, _ offset: Int) -> Bool
  func end()

  /// A compare-and-swap that need only be atomic against signal handlers of the calling thread.
  ///
  /// Words of a call in flight are changed by nobody else while its owner lives, so a plain
  /// compare-and-exchange instruction without a bus lock is enough for the owner.
  func exchange(_ image: Image, _ offset: Int, _ old: UInt64, _ new: UInt64) -> Bool
}

/// The words of a call of several operations, as its owner sees them: a copy of the descriptor's entries.
struct SeveralWords {
  var count = 0
  var cells = InlineArray<8, Int>(repeating: 0)
  var old = InlineArray<8, UInt64>(repeating: 0)
  var new = InlineArray<8, UInt64>(repeating: 0)
}

extension SemaphoreSet {
  /// A call of several operations on at most eight semaphores, none of them slept on or held by others.
  ///
  /// The words are marked one by one with a compare-and-swap each; the call happens when the
  /// descriptor's status becomes `decided`; then the words get their new contents. Whoever meets a
  /// marked word waits for its owner, and if that is dead finishes or takes back the call from the
  /// descriptor. A signal handler that meets a call of its own thread does the same.
  ///
  /// `.slow` for everything but success: the lock's owner then decides. Only one such call of a
  /// member may be on its way, the member's slot is claimed, and every semaphore exists: the caller
  /// sees to it.
  @inline(__always)
  public func fastOperateMany<Owner: CallOwner>(
    _ owner: Owner, count: Int, pid: UInt32, tid: UInt32, member: Int,
    _ operation: (Int) -> Operation
  ) -> FastResult {
    var words = SeveralWords()
    guard prepare(&words, count, pid, member, operation) else { return .slow }
    let descriptor = layout.descriptor(member)
    // SAFETY: (here and below) offsets of a claimed member slot and of existing semaphores.
    let last = unsafe image.loadTrusted(descriptor &+ Descriptor.status) >> 40
    let sequence = (last &+ 1) & 0xFF_FFFF
    for index in 0..<words.count {
      let entry = descriptor &+ Descriptor.entry(index)
      unsafe image.storeTrusted(UInt64(words.cells[index]), entry)
      unsafe image.storeTrusted(words.old[index], entry &+ 8)
      unsafe image.storeTrusted(words.new[index], entry &+ 16)
    }
    let undecided = DescriptorStatus.word(
      DescriptorStatus.undecided, count: words.count, tid: tid, sequence: sequence)
    guard owner.begin(image, descriptor &+ Descriptor.life) else { return .slow }
    defer { owner.end() }
    // Release: who sees a mark finds the entries.
    unsafe image.storeTrusted(undecided, descriptor &+ Descriptor.status)
    for index in 0..<words.count {
      let old = words.old[index]
      let marked = SemaphoreWord(bits: old).markedAsOneOfSeveral(member: member, sequence: sequence)
      if unsafe !image.exchangeTrusted(old, marked.bits, words.cells[index]) {
        words.count = index
        release(owner, words, words.old, member, sequence)
        _ = owner.exchange(image, descriptor &+ Descriptor.status, undecided, undecided & ~0xFF)
        return .slow
      }
    }
    // The call happens here, unless a signal handler of this thread took it back.
    let decided = undecided &+ (DescriptorStatus.decided &- DescriptorStatus.undecided)
    guard owner.exchange(image, descriptor &+ Descriptor.status, undecided, decided) else {
      release(owner, words, words.old, member, sequence)
      return .slow
    }
    // The status stays decided: no word is marked with this sequence any more, and the next call has
    // another.
    release(owner, words, words.new, member, sequence)
    return .done
  }

  /// Evaluates the operations on the words as they are now. False when the call cannot simply succeed,
  /// or a word is not free for it.
  @inline(__always)
  private func prepare(
    _ words: inout SeveralWords, _ count: Int, _ pid: UInt32, _ member: Int,
    _ operation: (Int) -> Operation
  ) -> Bool {
    for index in 0..<count {
      let current = operation(index)
      let cell = layout.cell(current.semaphore)
      var place = 0
      while place < words.count && words.cells[place] != cell { place &+= 1 }
      if place == words.count {
        guard place < Descriptor.capacity else { return false }
        let word = unsafe SemaphoreWord(bits: image.loadTrusted(cell))
        guard word.isFree || word.isSolo(of: member) else { return false }
        words.cells[place] = cell
        words.old[place] = word.bits
        words.new[place] = word.bits
        words.count = place &+ 1
      }
      var word = SemaphoreWord(bits: words.new[place])
      let value = word.value &+ current.amount
      guard current.amount == 0 ? value == 0 : value >= 0 && value <= Limit.semaphoreValue else {
        return false
      }
      if current.usesUndo {
        let holding = (word.isSolo ? word.soloAmount : 0) &- current.amount
        guard SemaphoreWord.fitsSolo(holding) else { return false }
        word.setSolo(member: member, amount: holding)
      }
      word.value = value
      word.pid = pid
      words.new[place] = word.bits
    }
    return true
  }

  /// Gives the marked words their contents.
  @inline(__always)
  private func release<Owner: CallOwner>(
    _ owner: Owner, _ words: borrowing SeveralWords, _ contents: InlineArray<8, UInt64>,
    _ member: Int, _ sequence: UInt64
  ) {
    for index in 0..<words.count {
      let old = SemaphoreWord(bits: words.old[index])
      let marked = old.markedAsOneOfSeveral(member: member, sequence: sequence)
      _ = owner.exchange(image, words.cells[index], marked.bits, contents[index])
    }
  }
}

extension Section where Object == SemaphoreSet {
  /// Waits for, or settles, the call of several operations that `word` belongs to.
  mutating func settleSeveral(_ semaphore: Int, _ word: SemaphoreWord, _ turns: Int) {
    let member = word.severalMember
    guard member >= 0 && member < SetLayout.memberCapacity else {
      return unmark(semaphore, word)  // Damage: no such member.
    }
    let descriptor = layout.descriptor(member)
    let status = image.load(descriptor + Descriptor.status)
    let isOurs = set.memberPid(member) == host.pid
    if isOurs && UInt32(truncatingIfNeeded: status >> 16 & 0x3F_FFFF) == host.tid {
      resolveSeveral(member)  // Our own thread's, below the signal handler that we are in.
    } else if image.load32(descriptor + Descriptor.life) & Futex.ownerDied != 0
      || set.isDead(member, host)
    {
      resolveSeveral(member)
    } else if UInt64(word.pid) == status >> 40 & 0x3F_FFFF {
      // Alive, if only stopped: never helped, because its own exchanges do not lock the bus.
      host.waitForOwner(turns)
      return
    }
    // What still has the mark belongs to no call: a member's words are all released before its next
    // sequence, and settling has released the rest. Damage.
    unmark(semaphore, word)
  }

  /// Takes a mark away that belongs to no call.
  private func unmark(_ semaphore: Int, _ word: SemaphoreWord) {
    var new = word
    new.mark = 0
    new.holders = 0
    _ = set.exchange(semaphore, word, new)
  }

  /// Finishes or takes back a member's call of several operations whose owner cannot go on.
  mutating func resolveSeveral(_ member: Int) {
    let descriptor = layout.descriptor(member)
    let status = image.load(descriptor + Descriptor.status)
    let phase = status & 0xFF
    // Idle too: a handler may have taken the call back before its owner marked the last word.
    let field = phase == DescriptorStatus.decided ? 16 : 8
    for index in 0..<min(Int(status >> 8 & 0xFF), Descriptor.capacity) {
      let entry = descriptor + Descriptor.entry(index)
      let semaphore = (Int(truncatingIfNeeded: image.load(entry)) &- layout.cell(0)) / 64
      guard semaphore >= 0 && semaphore < layout.semaphoreCount else { continue }
      let old = SemaphoreWord(bits: image.load(entry + 8))
      let marked = old.markedAsOneOfSeveral(member: member, sequence: status >> 40)
      host.crashPoint()
      _ = set.exchange(semaphore, marked, SemaphoreWord(bits: image.load(entry + field)))
    }
    if phase == DescriptorStatus.idle { return }
    host.crashPoint()
    image.store(status & ~0xFF, descriptor + Descriptor.status)
    if phase == DescriptorStatus.decided {
      image.store(UInt64(bitPattern: host.now()), Header.otime)
    }
  }
}
