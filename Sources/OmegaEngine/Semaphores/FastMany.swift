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
  ///
  /// Here and in `exchange` the offset is trusted (see `Image.loadTrusted`).
  @unsafe func begin(_ image: Image, _ offset: Int) -> Bool
  func end()

  /// A compare-and-swap that need only be atomic against signal handlers of the calling thread.
  ///
  /// Words of a call in flight are changed by nobody else while its owner lives and goes on, so a plain
  /// compare-and-exchange instruction without a bus lock is enough for the owner. Who settles them for
  /// an owner that does not go on uses `Host.finishInstructions`.
  @unsafe func exchange(_ image: Image, _ offset: Int, _ old: UInt64, _ new: UInt64) -> Bool
  /// CLOCK_REALTIME in whole seconds.
  func now() -> Int64
}

/// The operations of a call, which may stand where others can change them.
public protocol OperationList {
  func operation(_ index: Int) -> Operation
}

/// Who makes a call of several operations, where, and what it may do.
public struct SeveralCaller {
  @usableFromInline var image: Image
  /// Offset of its claimed slot's descriptor.
  @usableFromInline var descriptor: Int
  @usableFromInline var semaphoreCount: Int
  /// Its pid, where it stands in a word.
  @usableFromInline var pidBits: UInt64
  @usableFromInline var tid: UInt32
  @usableFromInline var member: Int
  /// `Permissions.read` and `Permissions.alter`.
  @usableFromInline var granted: UInt32
  /// Not 0 when the member has an undo record.
  @usableFromInline var record: UInt32

  @inlinable @inline(__always)
  public init(
    image: Image, descriptor: Int, semaphoreCount: Int, pid: UInt32, tid: UInt32, member: Int,
    granted: UInt32, record: UInt32
  ) {
    self.image = image
    self.descriptor = descriptor
    self.semaphoreCount = semaphoreCount
    pidBits = UInt64(pid) << SemaphoreWord.pidShift & SemaphoreWord.pidMask
    self.tid = tid
    self.member = member
    self.granted = granted
    self.record = record
  }

  /// `changes`: the amounts of all its operations, or-ed. A call that only waits needs to read.
  @inlinable @inline(__always)
  func mayMake(changes: Int) -> Bool {
    granted & (changes == 0 ? Permissions.read : Permissions.alter) != 0
  }
}

/// The words of a call of several operations, as its owner sees them: a copy of the descriptor's entries.
@usableFromInline
struct SeveralWords {
  @usableFromInline var cells: InlineArray<8, Int>
  @usableFromInline var olds: InlineArray<8, UInt64>
  @usableFromInline var news: InlineArray<8, UInt64>

  /// Not by initial values, which are functions of their own for other modules.
  @inlinable @inline(__always) init() {
    cells = InlineArray(repeating: 0)
    olds = InlineArray(repeating: 0)
    news = InlineArray(repeating: 0)
  }

  // SAFETY: (of all below) a place is less than the capacity of 8: a call has no more operations.
  @inlinable @inline(__always) func cell(_ place: Int) -> Int { unsafe cells[unchecked: place] }
  @inlinable @inline(__always) func old(_ place: Int) -> UInt64 { unsafe olds[unchecked: place] }
  @inlinable @inline(__always) func new(_ place: Int) -> UInt64 { unsafe news[unchecked: place] }
  @inlinable @inline(__always) mutating func setNew(_ place: Int, _ bits: UInt64) {
    unsafe news[unchecked: place] = bits
  }
  @inlinable @inline(__always) mutating func set(_ place: Int, _ cell: Int, _ old: UInt64) {
    unsafe cells[unchecked: place] = cell
    unsafe olds[unchecked: place] = old
  }

  /// The place of a cell among the first `count`, which is `count` when it has none.
  @inlinable @inline(__always)
  func place(_ cell: Int, below count: Int) -> Int {
    var place = 0
    while place < count && self.cell(place) != cell { place &+= 1 }
    return place
  }
}

extension SemaphoreSet {
  /// A call of up to eight operations, on semaphores none of which is slept on or held by others.
  ///
  /// The words are marked one by one with a compare-and-swap each; the call happens when the
  /// descriptor's status becomes `decided`; then the words get their new contents. Whoever meets a
  /// marked word waits for its owner, and if that is dead or does not go on finishes or takes back the
  /// call from the descriptor. A signal handler that meets a call of its own thread does the same.
  ///
  /// `.slow` for everything but success: the lock's owner then decides. Only one such call of a
  /// member may be on its way, the layout's values are trusted: the caller sees to it. Each operation is
  /// read once.
  @unsafe @inlinable @inline(__always)
  public static func tryOperateMany<Owner: CallOwner, List: OperationList>(
    _ owner: Owner, _ caller: SeveralCaller, count: Int, _ operations: List
  ) -> FastResult {
    if count < 1 || count > Descriptor.capacity { return .slow }
    let image = caller.image
    let descriptor = caller.descriptor
    var words = SeveralWords()
    let places = prepare(&words, count, caller, operations)
    if places == 0 { return .slow }
    // SAFETY: (here and below) offsets of a claimed member slot and of existing semaphores.
    let last = unsafe image.loadTrusted(descriptor &+ Descriptor.status) >> 40
    let sequence = (last &+ 1) & 0xFF_FFFF
    var index = 0
    repeat {
      let entry = descriptor &+ Descriptor.entry(index)
      unsafe image.storeTrusted(UInt64(truncatingIfNeeded: words.cell(index)), entry)
      unsafe image.storeTrusted(words.old(index), entry &+ 8)
      unsafe image.storeTrusted(words.new(index), entry &+ 16)
      index &+= 1
    } while index != places
    let undecided = DescriptorStatus.word(
      DescriptorStatus.undecided, count: places, tid: caller.tid, sequence: sequence)
    guard unsafe owner.begin(image, descriptor &+ Descriptor.life) else { return .slow }
    // Release: who sees a mark finds the entries.
    unsafe image.storeTrusted(undecided, descriptor &+ Descriptor.status)
    let mark = SeveralMark(member: caller.member, sequence: sequence)
    index = 0
    repeat {
      let old = words.old(index)
      if unsafe !image.exchangeTrusted(old, mark.applied(to: old), words.cell(index)) {
        takeBack(owner, image, words, marked: index, mark)
        _ = unsafe owner.exchange(
          image, descriptor &+ Descriptor.status, undecided, undecided & ~0xFF)
        owner.end()
        return .slow
      }
      index &+= 1
    } while index != places
    // The call happens here, unless a signal handler of this thread took it back.
    let decided = undecided &+ (DescriptorStatus.decided &- DescriptorStatus.undecided)
    guard unsafe owner.exchange(image, descriptor &+ Descriptor.status, undecided, decided) else {
      takeBack(owner, image, words, marked: places, mark)
      owner.end()
      return .slow
    }
    // The status stays decided: no word is marked with this sequence any more, and the next call has
    // another.
    index = 0
    repeat {
      let marked = mark.applied(to: words.old(index))
      _ = unsafe owner.exchange(image, words.cell(index), marked, words.new(index))
      index &+= 1
    } while index != places
    owner.end()
    unsafe noteTime(image, cell: words.cell(0), owner.now())
    return .done
  }

  /// Evaluates the operations on the words as they are now. Returns the number of words, 0 when the
  /// call cannot simply succeed, or a word is not free for it.
  ///
  /// Not inlined: it needs the processor's registers for itself. Here is the usual call, which names
  /// each semaphore once, in order, without SEM_UNDO; `prepareAny` goes on with another.
  @inlinable @inline(never)
  static func prepare<List: OperationList>(
    _ words: inout SeveralWords, _ count: Int, _ caller: SeveralCaller, _ operations: List
  ) -> Int {
    var changes = 0
    var highest = -1
    var index = 0
    repeat {
      let current = operations.operation(index)
      if current.semaphore <= highest || current.usesUndo {
        return prepareAny(
          &words, index..<count, caller, changes: changes, highest: highest, first: current,
          operations)
      }
      highest = current.semaphore
      if highest >= caller.semaphoreCount { return 0 }
      let cell = SetLayout.headerByteCount &+ 64 &* highest
      // SAFETY: the semaphore exists.
      let word = unsafe SemaphoreWord(bits: caller.image.loadTrusted(cell))
      guard word.isFree || word.isSolo(of: caller.member) else { return 0 }
      guard let new = changed(word, current, caller) else { return 0 }
      words.set(index, cell, word.bits)
      words.setNew(index, new.bits)
      changes |= current.amount
      index &+= 1
    } while index < count
    return caller.mayMake(changes: changes) ? count : 0
  }

  /// The same from an operation on, which was read already; before it each had a word of its own.
  @inlinable @inline(never)
  static func prepareAny<List: OperationList>(
    _ words: inout SeveralWords, _ indices: Range<Int>, _ caller: SeveralCaller, changes: Int,
    highest: Int, first: Operation, _ operations: List
  ) -> Int {
    var places = indices.lowerBound
    var changes = changes
    var highest = highest
    for index in indices {
      let current = index == indices.lowerBound ? first : operations.operation(index)
      if current.semaphore >= caller.semaphoreCount { return 0 }
      let cell = SetLayout.headerByteCount &+ 64 &* current.semaphore
      let isNew = current.semaphore > highest
      let place = isNew ? places : words.place(cell, below: places)
      if isNew { highest = current.semaphore }
      var word: SemaphoreWord
      if place == places {
        // SAFETY: the semaphore exists.
        word = unsafe SemaphoreWord(bits: caller.image.loadTrusted(cell))
        guard word.isFree || word.isSolo(of: caller.member) else { return 0 }
        words.set(place, cell, word.bits)
        places &+= 1
      } else {
        word = SemaphoreWord(bits: words.new(place))
      }
      if current.usesUndo {
        let holding = (word.isSolo ? word.soloAmount : 0) &- current.amount
        guard caller.record != 0, SemaphoreWord.fitsSolo(holding) else { return 0 }
        word.setSolo(member: caller.member, amount: holding)
      }
      guard let new = changed(word, current, caller) else { return 0 }
      words.setNew(place, new.bits)
      changes |= current.amount
    }
    return caller.mayMake(changes: changes) ? places : 0
  }

  /// The word with the operation's value and pid, nil when its value does not allow it.
  @inlinable @inline(__always)
  static func changed(
    _ word: SemaphoreWord, _ current: Operation, _ caller: SeveralCaller
  ) -> SemaphoreWord? {
    let value = word.value &+ current.amount
    // A negative value is a large one here.
    guard
      UInt(bitPattern: value) <= UInt(Limit.semaphoreValue), current.amount != 0 || value == 0
    else { return nil }
    var new = word
    new.bits = new.bits & ~(SemaphoreWord.valueMask | SemaphoreWord.pidMask)
    new.bits |= UInt64(truncatingIfNeeded: value) | caller.pidBits
    return new
  }

  /// Gives the first `count` words their old contents.
  @inlinable @inline(never)
  static func takeBack<Owner: CallOwner>(
    _ owner: Owner, _ image: Image, _ words: SeveralWords, marked count: Int, _ mark: SeveralMark
  ) {
    for index in 0..<count {
      let old = words.old(index)
      // SAFETY: offsets of existing semaphores.
      _ = unsafe owner.exchange(image, words.cell(index), mark.applied(to: old), old)
    }
  }
}

extension Section where Object == SemaphoreSet {
  /// Waits for, or settles, the call of several operations that `word` belongs to. False when there is
  /// no end of them, which only a peer that scribbles all the time can bring about.
  @inline(never)
  mutating func settleSeveral(_ semaphore: Int, _ word: SemaphoreWord) -> Bool {
    let member = word.severalMember
    guard member >= 0 && member < SetLayout.memberCapacity else {
      unmark(semaphore, word)  // Damage: no such member.
      return true
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
      ownerTurns += 1
      if ownerTurns > host.ownerPatience {
        settleForOwner(semaphore, word, member, status)
        return ownerTurns < host.ownerPatience + 300
      }
      host.waitForOwner(ownerTurns)
      return true
    }
    // What still has the mark belongs to no call: a member's words are all released before its next
    // sequence, and settling has released the rest. Damage.
    unmark(semaphore, word)
    return true
  }

  /// Settles a word of a call whose owner lives and does not go on: stopped, or the mark is a scribble.
  ///
  /// The owner's own exchanges do not lock the bus. One that had read the word before our exchange may
  /// store after it, and ours is lost. `finishInstructions` ends that, so what is read after it stands:
  ///
  /// - The status: when it is idle, the owner's exchange to `decided` can only fail, and it takes the
  ///   call back, as below a signal handler. When it is `decided`, the owner was quicker.
  /// - The word: it gets its contents with the slow bit, so nobody else changes it until all is said. A late
  ///   store of the owner's has the same contents without it, and after that the word is free.
  ///
  /// The other words keep their marks, until the owner goes on or somebody needs them.
  @inline(never)
  private mutating func settleForOwner(
    _ semaphore: Int, _ word: SemaphoreWord, _ member: Int, _ found: UInt64
  ) {
    let descriptor = layout.descriptor(member)
    var status = found
    if status & 0xFF == DescriptorStatus.undecided {
      guard image.exchange(status, status & ~0xFF, descriptor + Descriptor.status) else { return }
      host.finishInstructions()
      status = image.load(descriptor + Descriptor.status)
      if status >> 8 != found >> 8 { return }  // It went on.
    }
    let field = status & 0xFF == DescriptorStatus.decided ? 16 : 8
    for index in 0..<Descriptor.capacity {
      let entry = descriptor + Descriptor.entry(index)
      let old = SemaphoreWord(bits: image.load(entry + 8))
      guard image.load(entry) == UInt64(layout.cell(semaphore)),
        old.marked(SeveralMark(member: member, sequence: status >> 40)) == word
      else { continue }
      var settled = contents(entry + field)
      settled.isSlow = true
      host.crashPoint()
      _ = set.exchange(semaphore, word, settled)
      return host.finishInstructions()
    }
    unmark(semaphore, word)  // Damage: a word that the call does not name.
  }

  /// A word from a descriptor, which may have been scribbled: not one in flight, or settling it would go
  /// on for ever.
  private func contents(_ offset: Int) -> SemaphoreWord {
    var word = SemaphoreWord(bits: image.load(offset))
    if word.isInFlight { word.mark = 0 }
    return word
  }

  /// Takes a mark away that belongs to no call.
  private func unmark(_ semaphore: Int, _ word: SemaphoreWord) {
    var new = word
    new.mark = 0
    new.holders = 0
    _ = set.exchange(semaphore, word, new)
  }

  /// Finishes or takes back a member's call of several operations whose owner cannot go on.
  @inline(never)
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
      let marked = old.marked(SeveralMark(member: member, sequence: status >> 40))
      host.crashPoint()
      _ = set.exchange(semaphore, marked, contents(entry + field))
    }
    if phase == DescriptorStatus.idle { return }
    host.crashPoint()
    image.store(status & ~0xFF, descriptor + Descriptor.status)
    if phase == DescriptorStatus.decided {
      image.store(UInt64(bitPattern: host.now()), Header.otime)
    }
  }
}
