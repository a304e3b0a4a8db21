import COmegaSimulation

/// How a world schedules its threads at points.
enum ScheduleMode: UInt8 {
  /// Never: a call runs until it ends or sleeps.
  case direct
  /// After a random number of points, from a seed.
  case random
  /// At every point that another thread, or a survivor of a death, can tell from its neighbours.
  case explore
}

/// Everything of a simulation that changes, except the image and the stacks. Plain data.
struct WorldState {
  var threads = InlineArray<16, SimulatedThread>(repeating: SimulatedThread())
  var processes = InlineArray<16, SimulatedProcess>(repeating: SimulatedProcess())
  var mode = ScheduleMode.direct
  /// The thread that runs, −1 for the scheduler.
  var current = -1
  /// CLOCK_MONOTONIC; CLOCK_REALTIME is a million seconds ahead.
  var nanoseconds: Int64 = 1_000_000_000
  var tickets = 0
  var nextPid: UInt32 = 100
  var nextStart: UInt64 = 1
  /// Random mode: points until the next switch, the mean, and the generator.
  var countdown = 0
  var meanRun = 1
  var random = SplitMix(seed: 0)
  var fault = Fault.none
  /// Memory that `claim` may still give, in calls; negative for no limit.
  var claims = -1
  /// `Host.ownerPatience`.
  var ownerPatience = 1 << 40
  var points = 0
  /// Accesses to words of the lock's owner by somebody else (`AccessClass`): must stay 0.
  var strayAccesses = 0
  var strayOffset = 0
  /// Threads took turn after turn and came to no end.
  var runsForEver = false
  /// Times that somebody went on only because a bounded wait ended.
  var lookArounds = 0
  /// Received messages that were not what was sent: must stay 0.
  var tornMessages = 0
  var boundedLockWaits = 0
}

/// What the world's image is of.
enum ObjectShape {
  case set(SetLayout)
  case queue(QueueLayout)

  var frame: Frame {
    switch self {
    case .set(let layout): layout.frame
    case .queue(let layout): layout.frame
    }
  }
}

/// A reference to a world: an object's image, the threads' stacks and the state, in memory of its own.
@safe
struct World {
  // SAFETY: `Simulation` owns the memory, zeroed and initialised, until its deinitialiser; worlds are
  // used only below it, on one real thread at a time.
  let memory: UnsafeMutablePointer<WorldMemory>

  @unsafe init(_ memory: UnsafeMutablePointer<WorldMemory>) { unsafe self.memory = memory }

  var state: WorldState {
    unsafeAddress {
      // SAFETY: see `memory`.
      unsafe UnsafePointer(UnsafeMutableRawPointer(memory).assumingMemoryBound(to: WorldState.self))
    }
    nonmutating unsafeMutableAddress {
      // SAFETY: see `memory`; the state is the first field.
      unsafe UnsafeMutableRawPointer(memory).assumingMemoryBound(to: WorldState.self)
    }
  }

  var shape: ObjectShape {
    // SAFETY: see `memory`.
    unsafe memory.pointee.shape
  }

  var frame: Frame { shape.frame }

  var image: Image {
    // SAFETY: see `memory`.
    unsafe Image(base: memory.pointee.image, byteCount: frame.byteCount, world: self)
  }

  /// The layout of a world that is a set.
  var layout: SetLayout {
    guard case .set(let layout) = shape else { preconditionFailure("the object is no set") }
    return layout
  }

  var set: SemaphoreSet { SemaphoreSet(image: image, layout: layout) }

  var queue: MessageQueue {
    guard case .queue(let layout) = shape else { preconditionFailure("the object is no queue") }
    return MessageQueue(image: image, layout: layout)
  }

  /// The word of the store that calls refer to (`Call.first`).
  func stored(_ index: Int) -> UInt64 {
    // SAFETY: see `memory`; the store never shrinks.
    unsafe memory.pointee.store[index]
  }

  /// Where GETALL and IPC_STAT put their values.
  func output(_ value: Int, _ index: Int) {
    // SAFETY: see `memory`.
    unsafe memory.pointee.output[index] = value
  }

  func programCount(_ program: Int) -> Int {
    // SAFETY: see `memory`; programs are never removed.
    unsafe memory.pointee.programs[program].count
  }

  func programCall(_ program: Int, _ position: Int) -> Call {
    // SAFETY: as above.
    unsafe memory.pointee.programs[program][position]
  }

  /// Combines a part of the image into a digest.
  func digest(_ digest: UInt64, _ offset: Int, _ byteCount: Int) -> UInt64 {
    precondition(offset >= 0 && byteCount >= 0 && offset + byteCount <= frame.byteCount)
    // SAFETY: see `memory`; the range was checked above.
    return unsafe omega_digest(digest, memory.pointee.image + offset, byteCount / 8)
  }

  // MARK: Fibers

  static var stackByteCount: Int { 128 << 10 }

  private func fiber(_ thread: Int) -> UnsafeMutablePointer<omega_fiber> {
    // SAFETY: see `memory`.
    unsafe memory.pointee.fibers + thread
  }

  /// Runs a thread until it yields.
  func resume(_ thread: Int) {
    let access = state.threads[thread].access
    if access == .store || access == .exchange { noteStore(state.threads[thread].offset, thread) }
    state.threads[thread].waitsForStore = false
    state.current = thread
    // SAFETY: the fiber was made by `makeFiber`.
    unsafe omega_fiber_resume(fiber(thread))
    state.current = -1
  }

  /// Gives the turn back to the scheduler.
  func yield() {
    // SAFETY: called by the fiber that runs.
    unsafe omega_fiber_yield(fiber(state.current))
  }

  func makeFiber(_ thread: Int) {
    // SAFETY: the stack and the argument live as long as the world.
    unsafe omega_fiber_make(
      fiber(thread), memory.pointee.stacks + thread * World.stackByteCount, World.stackByteCount,
      { unsafe World($0.assumingMemoryBound(to: WorldMemory.self)).runThread() }, memory)
  }
}

/// The memory of a world. The addresses never change, so a saved copy of the state and the stacks is
/// good for as long as the world lives.
@unsafe
struct WorldMemory {
  var state = WorldState()
  let shape: ObjectShape
  let image: UnsafeMutableRawPointer
  let stacks: UnsafeMutableRawPointer
  let fibers: UnsafeMutablePointer<omega_fiber>
  /// Operations and values of calls; grows only.
  var store: [UInt64] = []
  var output: [Int] = []
  var programs: [[Call]] = []
}
