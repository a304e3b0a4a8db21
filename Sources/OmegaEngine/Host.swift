/// What the engine needs from outside. Linux gives it with futexes and robust lists, the simulation
/// with a seeded scheduler.
///
/// A host value stands for one thread of one process and is cheap to copy.
public protocol Host {
  /// The caller's process id (thread-group id), 1…4194303.
  var pid: UInt32 { get }
  /// The caller's thread id, 1…4194303.
  var tid: UInt32 { get }
  /// What tells the caller's process from others of the same pid: in the low 40 bits its start time, in
  /// any unit, and above a number that differs for two processes of the same time, or 0 if unknown.
  var startTime: UInt64 { get }

  /// CLOCK_REALTIME in whole seconds.
  func now() -> Int64

  /// Begins a locked section: from here to `leave` no signal handler runs on this thread, so a
  /// handler that calls in again never finds its own thread holding the lock.
  func enter() -> SectionToken
  func leave(_ token: SectionToken)

  /// From now on this thread's death marks the futex word at `offset` with `Futex.ownerDied` and
  /// wakes one of its waiters, provided the word holds the thread's id then, or 0.
  func protect(_ image: Image, _ offset: Int)

  /// Wakes up to `count` threads that wait on the word at `offset`.
  func wake(_ image: Image, _ offset: Int, count: Int)
  /// Waits on the lock's word while it holds `expected`, for a bounded time: `.lookAround` when that
  /// has passed.
  func waitForLock(_ image: Image, _ offset: Int, expected: UInt32) -> WakeReason
  /// Begins a sleep of this thread: until `endSleep` its death marks the word at `offset`, which gets
  /// tid | `Futex.waiters`, or 0 when the host cannot do that.
  func beginSleep(_ image: Image, _ offset: Int) -> SleepState
  func endSleep(_ state: SleepState)
  /// Waits a little for a running thread that is between two steps; `turns` counts the waits so far.
  func waitForOwner(_ turns: Int)
  /// Turns of `waitForOwner` after which a locked section goes on without the owner.
  var ownerPatience: Int { get }
  /// Returns when every other thread of the machine has ended the instruction that it was in, and what
  /// that stored is visible.
  func finishInstructions()
  /// Sleeps on the word at `offset` while it holds `expected`; `watch` adds words to wake on.
  func sleep(
    _ image: Image, _ offset: Int, expected: UInt32, deadline: Deadline, watch: WatchList,
    _ state: inout SleepState
  ) -> WakeReason

  /// Whether the thread can no longer be inside a section.
  func threadIsGone(_ tid: UInt32) -> Bool
  /// Whether there is a thread with this id at all.
  func threadExists(_ tid: UInt32) -> Bool
  /// Whether the process has ended; asks the system, for members whose life word does not tell.
  func processIsGone(pid: UInt32, startTime: UInt64) -> Bool
  /// Puts the member slot's life word under the caller's robust list; false if that cannot be.
  func arm(_ image: Image, _ memberOffset: Int) -> Bool

  /// Tells the program that runs from others in the same process: from before an exec, or another copy of
  /// this library. Not 0.
  var programNumber: UInt64 { get }
  /// Whether the process, which lives, no longer has a segment's memory mapped, as after an exec. `life`
  /// is the life word that does not vouch for it.
  func hasUnmapped(_ segment: Image, pid: UInt32, life: UInt32) -> Bool

  /// Claims memory before its first use; false when there is none.
  func claim(_ image: Image, _ offset: Int, byteCount: Int) -> Bool
  /// One turn of a spin loop.
  func pause()
  /// Turns before a thread that finds the lock taken asks about its owner and waits.
  var spinTurns: Int { get }
  /// Called before every store to an image; the simulation may end the process here.
  func crashPoint()
}

extension Host {
  /// Whether `start` is the caller's own. It may have been stored when the number could not be had.
  public func isOwnStart(_ start: UInt64) -> Bool {
    let difference = start ^ startTime
    return difference == 0 || difference << 24 == 0 && (start >> 40 == 0 || startTime >> 40 == 0)
  }
}

// Where there are no segments.
extension Host {
  public var programNumber: UInt64 { 1 }
  public func hasUnmapped(_ segment: Image, pid: UInt32, life: UInt32) -> Bool { false }
}

/// What `Host.enter` returns for `leave`.
public struct SectionToken: Sendable {
  public var signalMask: UInt64
  public var pending: UInt
  @inlinable public init(signalMask: UInt64, pending: UInt) {
    self.signalMask = signalMask
    self.pending = pending
  }
}

/// What a host remembers over one sleep: what it has to restore.
public struct SleepState: Sendable {
  public var pending: UInt = 0
  /// The signal mask to restore, when the sleep goes on in bounded steps with signals blocked.
  public var signalMask: UInt64?

  public init(pending: UInt = 0) { self.pending = pending }
}

/// An absolute time of CLOCK_MONOTONIC in nanoseconds.
public struct Deadline: Equatable, Sendable {
  public var nanoseconds: Int64
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  /// Never.
  @inlinable public static var never: Deadline { Deadline(nanoseconds: .max) }
}

public enum WakeReason: Sendable {
  /// Woken, or the word had changed, or for no reason.
  case woken
  /// The deadline has passed.
  case timedOut
  /// A signal handler has run.
  case interrupted
  /// A bounded wait ended before the deadline: look around, then go on.
  case lookAround
}

/// Bits of a futex word that names its owner (futex(2), "robust futexes").
public enum Futex {
  @inlinable public static var waiters: UInt32 { 0x8000_0000 }
  @inlinable public static var ownerDied: UInt32 { 0x4000_0000 }
  @inlinable public static var ownerMask: UInt32 { 0x1FFF_FFFF }
  /// A sleeper's word that names no guardian; below are the counts of kicks.
  @inlinable public static var idle: UInt32 { 0x2000_0000 }
}

/// Words besides its own that a sleeper wakes on: life words of members whose end may let it go on.
public struct WatchList {
  public static var capacity: Int { 63 }
  public private(set) var count = 0
  /// True when not all that had to be watched found room: the host must then look around.
  public var isIncomplete = false
  /// True when a word is held by a thread that is not its process's first: should that call exec, the
  /// kernel does not mark the word, so the host must look around now and then, though not often.
  public var mayMissDeath = false
  var offsets = InlineArray<63, Int32>(repeating: 0)
  var expected = InlineArray<63, UInt32>(repeating: 0)

  public init() {}

  /// Adds a word, given by its distance in 64-byte units to stay small.
  public mutating func append(offset: Int, expected value: UInt32) {
    guard count < WatchList.capacity else {
      isIncomplete = true
      return
    }
    offsets[count] = Int32(truncatingIfNeeded: offset >> 3)
    expected[count] = value
    count += 1
  }

  public func offset(_ index: Int) -> Int { Int(offsets[index]) << 3 }
  public func expected(_ index: Int) -> UInt32 { expected[index] }
}
