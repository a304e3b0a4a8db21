/// Points: where a simulated thread can lose its turn, or its life.
extension World {
  /// Called before every access to the image.
  func before(_ access: Access, _ offset: Int) {
    let thread = state.current
    if thread < 0 { return }
    state.points += 1
    if access == .load { noteLoad(thread, offset) }
    switch state.mode {
    case .direct:
      return
    case .random:
      state.countdown -= 1
      if state.countdown > 0 { return }
      stop(thread, access, offset)
    case .explore:
      let isOwner = holdsLock(thread)
      var isPrivate = false
      switch accessClass(offset, thread, isOwner: isOwner) {
      case .time:
        return
      case .ownersOnly:
        if isOwner {
          if access == .load { return }
          isPrivate = true
        } else {
          noteStray(offset)
        }
      case .ownThreads:
        if access == .load { return }
        isPrivate = true
      case .shared:
        break
      }
      state.threads[thread].isPrivateAccess = isPrivate
      state.threads[thread].isKillPoint = access != .load
      stop(thread, access, offset)
    }
  }

  /// A point of the host: a wake, a sleep, a question to the system.
  func hostPoint(_ access: Access, _ offset: Int) {
    let thread = state.current
    if thread < 0 || state.mode == .direct { return }
    state.points += 1
    if state.mode == .random {
      state.countdown -= 1
      if state.countdown > 0 { return }
    }
    state.threads[thread].isPrivateAccess = false
    state.threads[thread].isKillPoint = access != .system
    stop(thread, access, offset)
  }

  /// A store by `thread` is about to happen: those who wait for a change of that word look again.
  func noteStore(_ offset: Int, _ thread: Int) {
    for other in state.threads.indices
    where other != thread && state.threads[other].waitsForStore && hasRead(other, offset) {
      state.threads[other].waitsForStore = false
    }
  }

  /// The store of an exchange without a bus lock, if the thread is between its load and its store.
  func endInstruction(_ thread: Int) {
    let offset = state.threads[thread].storesTo
    if offset < 0 { return }
    state.threads[thread].storesTo = -1
    let value = state.threads[thread].storedValue
    if !swallows(value, offset) { image.poke(value, offset) }
    noteStore(offset, thread)
  }

  private func noteLoad(_ thread: Int, _ offset: Int) {
    let count = state.threads[thread].readCount
    if count > state.threads[thread].reads.count { return }
    if count < state.threads[thread].reads.count { state.threads[thread].reads[count] = offset }
    state.threads[thread].readCount = count + 1
  }

  private func hasRead(_ thread: Int, _ offset: Int) -> Bool {
    let count = state.threads[thread].readCount
    if count > state.threads[thread].reads.count { return true }
    for index in 0..<count where state.threads[thread].reads[index] >> 3 == offset >> 3 {
      return true
    }
    return false
  }

  /// A turn of a loop that waits for somebody else's store: not taken again before there was one to a
  /// word that was read in the last turn, or a death.
  func pointless() {
    let thread = state.current
    if thread < 0 { return }
    state.threads[thread].waitsForStore = true
    state.threads[thread].isPrivateAccess = false
    state.threads[thread].isKillPoint = true
    stop(thread, .system, 0)
    state.threads[thread].readCount = 0
  }

  private func stop(_ thread: Int, _ access: Access, _ offset: Int) {
    state.threads[thread].status = .ready
    state.threads[thread].access = access
    state.threads[thread].offset = offset
    yield()
  }

  /// What a thread has read is all that its local state depends on.
  func observe(_ value: UInt64) {
    let thread = state.current
    if thread >= 0 { state.threads[thread].history = mix(state.threads[thread].history, value) }
  }

  func holdsLock(_ thread: Int) -> Bool {
    image.peek32(Header.lock) & Futex.ownerMask == state.threads[thread].tid
  }

  private func accessClass(_ offset: Int, _ thread: Int, isOwner: Bool) -> AccessClass {
    switch shape {
    case .set(let layout): AccessClass.of(offset, layout)
    case .queue(let layout): accessClass(offset, layout, thread, isOwner: isOwner)
    }
  }

  private func noteStray(_ offset: Int) {
    state.strayAccesses += 1
    state.strayOffset = offset
  }
}

/// Who accesses a word. The exploration needs no switch before an access that nobody else can see;
/// that the words of `ownersOnly` are left alone by others is counted (`strayAccesses`), not assumed.
enum AccessClass {
  /// Any thread, at any time.
  case shared
  /// The owner of the lock: a death between two stores matters, a switch does not.
  case ownersOnly
  /// This thread alone, until it gives it away.
  case ownThreads
  /// otime and ctime: nothing depends on them.
  case time

  static func of(_ offset: Int, _ layout: SetLayout) -> AccessClass {
    if offset < SetLayout.headerByteCount { return ofHeader(offset) }
    if offset < layout.frame.journal {
      switch (offset - SetLayout.headerByteCount) & 63 {
      case Cell.word, Cell.undoEpoch: return .shared
      case Cell.otime: return .time
      default: return .ownersOnly
      }
    }
    if offset < layout.frame.members { return .ownersOnly }
    if offset < layout.descriptors {
      return (offset - layout.frame.members) & 63 == Member.record ? .ownersOnly : .shared
    }
    if offset < layout.frame.waiters { return .shared }
    if offset < layout.longOperations {
      switch (offset - layout.frame.waiters) & 255 {
      case Waiter.futex, Waiter.status, Waiter.owner, Waiter.shape, Waiter.armedSequence,
        Waiter.life, Waiter.operations...:
        return .shared
      case Waiter.since: return .time
      default: return .ownersOnly
      }
    }
    return .shared
  }

  private static func ofHeader(_ offset: Int) -> AccessClass {
    switch offset {
    case Header.otime, Header.ctime: .time
    case Header.journalCount, Header.needsServe, Header.alterQueue, Header.constQueue,
      Header.complexCount, Header.sleeperCount, Header.journalClaimed, Header.lastHolder:
      .ownersOnly
    default: .shared
    }
  }
}

/// Combines two words into a digest.
func mix(_ digest: UInt64, _ value: UInt64) -> UInt64 {
  var x = (digest ^ value) &* 0x9E37_79B9_7F4A_7C15
  x ^= x >> 32
  x = x &* 0xD6E8_FEB8_6659_FD93
  return x ^ x >> 29 &+ value
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
package struct SplitMix: RandomNumberGenerator, Sendable {
  var position: UInt64

  package init(seed: UInt64) { position = seed }

  package mutating func next() -> UInt64 {
    position = position &+ 0x9E37_79B9_7F4A_7C15
    var z = position
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// A number in 0..<bound.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// True once in `odds` times.
  package mutating func once(in odds: Int) -> Bool { below(odds) == 0 }
}
