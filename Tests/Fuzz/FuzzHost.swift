import Glibc

/// One of the processes of a fuzzed world; all of them are this thread, one call after the other.
struct FuzzProcess {
  var pid: UInt32
  var startTime: UInt64
  var member = -1
  var hasRecord = false
  /// A call of several operations, or with SEM_UNDO, is on its way.
  var isBusy = false
  /// Futex words that the kernel marks when the process ends.
  var armed: [Int] = []
}

/// What happens around the image: the processes, a hostile peer, and the input that drives both.
class FuzzWorld {
  let image: Image
  var input: FuzzInput
  var processes: [FuzzProcess] = []
  var nextPid: UInt32 = 100
  /// A scribble of the peer in the middle of a call, after so many of its steps.
  var scribbleAfter = -1
  var scribble: (offset: Int, value: UInt64) = (0, 0)
  var seconds: Int64 = 1_000_000
  /// Turns that calls have waited for somebody.
  var turns = 0
  var depth = 0

  /// More than any loop of the engine may take for one input. A call gives up on a scribbled lock
  /// after 100,000 turns.
  static let mostTurns = 500_000

  init(_ image: Image, _ input: FuzzInput) {
    self.image = image
    self.input = input
    for _ in 0..<3 { processes.append(freshProcess()) }
  }

  /// One step of the input, by a process that does not sleep.
  func act(besides sleeper: Int) {}

  /// A word of the image that the input chooses: of a part that means something, or any.
  func offset() -> Int { 0 }

  final func value() -> UInt64 {
    let choice = input.byte()
    switch choice >> 5 {
    case 0: return UInt64(choice)
    case 1: return UInt64(processes[choice % processes.count].pid) | UInt64(choice & 0xC) << 28
    case 2: return UInt64(bitPattern: Int64(offset()))
    case 3: return image.load(offset()) ^ 1 << (input.number(1) & 63)
    case 4: return input.number(4) << 32 | UInt64(choice & 7)
    case 5: return .max
    case 6: return input.number(2)
    default: return input.number(8)
    }
  }

  func freshProcess() -> FuzzProcess {
    nextPid += 1
    return FuzzProcess(pid: nextPid, startTime: UInt64(nextPid))
  }

  func step() {
    if scribbleAfter < 0 { return }
    scribbleAfter -= 1
    if scribbleAfter < 0 { image.store(scribble.value, scribble.offset) }
  }

  func turn() {
    turns += 1
    step()
    if turns > FuzzWorld.mostTurns { fatalError("a call goes on for ever") }
  }

  func isAlive(_ id: UInt32) -> Bool { processes.contains { $0.pid == id } }

  /// SIGKILL: the kernel walks the robust list; another process takes the place.
  func kill(_ index: Int) {
    for offset in processes[index].armed {
      let word = image.load32(offset)
      if word & Futex.ownerMask == processes[index].pid {
        image.store32(word & Futex.waiters | Futex.ownerDied, offset)
      }
    }
    processes[index] = freshProcess()
  }
}

/// The engine's host: nobody runs beside the calling process, so nothing is worth waiting for.
struct FuzzHost: Host {
  let world: FuzzWorld
  let index: Int
  let pid: UInt32
  let startTime: UInt64
  var tid: UInt32 { pid }
  var spinTurns: Int { 2 }

  init(_ world: FuzzWorld, _ index: Int) {
    self.world = world
    self.index = index
    pid = world.processes[index].pid
    startTime = world.processes[index].startTime
  }

  func now() -> Int64 { world.seconds }
  func enter() -> SectionToken { SectionToken(signalMask: 0, pending: 0) }
  func leave(_ token: SectionToken) {}
  func protect(_ image: Image, _ offset: Int) { world.step() }
  func wake(_ image: Image, _ offset: Int, count: Int) { world.step() }
  func pause() { world.turn() }
  func crashPoint() { world.step() }

  func waitForOwner(_ turns: Int) { world.turn() }
  var ownerPatience: Int { 4 }
  func finishInstructions() { world.turn() }

  func claim(_ image: Image, _ offset: Int, byteCount: Int) -> Bool { true }
  func threadIsGone(_ tid: UInt32) -> Bool { !world.isAlive(tid) }
  func threadExists(_ tid: UInt32) -> Bool { world.isAlive(tid) }

  func processIsGone(pid: UInt32, startTime: UInt64) -> Bool {
    !world.processes.contains { $0.pid == pid && $0.startTime == startTime }
  }

  func waitForLock(_ image: Image, _ offset: Int, expected: UInt32) -> WakeReason {
    world.turn()
    return image.load32(offset) == expected ? .lookAround : .woken
  }

  func arm(_ image: Image, _ memberOffset: Int) -> Bool {
    world.processes[index].armed.append(memberOffset)
    image.store32(tid | Futex.waiters, memberOffset)
    return true
  }

  func beginSleep(_ image: Image, _ offset: Int) -> SleepState {
    image.store32(tid | Futex.waiters, offset)
    return SleepState()
  }

  func endSleep(_ state: SleepState) {}

  /// While one sleeps the others go on with the input.
  func sleep(
    _ image: Image, _ offset: Int, expected: UInt32, deadline: Deadline, watch: WatchList,
    _ state: inout SleepState
  ) -> WakeReason {
    world.turn()
    guard image.load32(offset) == expected else { return .woken }
    for index in 0..<watch.count
    where image.load32(watch.offset(index)) != watch.expected(index) {
      return .woken
    }
    if world.depth < 3 && world.input.isLeft {
      world.depth += 1
      world.act(besides: index)
      world.depth -= 1
      return .lookAround
    }
    return world.turns % 2 == 0 ? .timedOut : .interrupted
  }
}

struct FuzzCallOwner: CallOwner {
  let host: FuzzHost

  func begin(_ image: Image, _ offset: Int) -> Bool {
    image.store32(host.tid | Futex.waiters, offset)
    return true
  }

  func end() { host.world.step() }

  func exchange(_ image: Image, _ offset: Int, _ old: UInt64, _ new: UInt64) -> Bool {
    host.world.step()
    return image.exchange(old, new, offset)
  }

  func now() -> Int64 { host.now() }
}

/// The bytes of an input, 0 after their end.
struct FuzzInput {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  var isLeft: Bool { position < bytes.count }

  mutating func byte() -> Int {
    guard position < bytes.count else { return 0 }
    position += 1
    return Int(bytes[position - 1])
  }

  mutating func number(_ byteCount: Int) -> UInt64 {
    var number: UInt64 = 0
    for _ in 0..<byteCount { number = number << 8 | UInt64(byte()) }
    return number
  }
}
