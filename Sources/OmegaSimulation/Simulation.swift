import COmegaSimulation

/// Several simulated processes over one in-memory image of an object, and the scheduler that decides
/// which of their threads goes on.
@safe
package final class Simulation {
  let world: World
  /// Seed of the last random schedule, for messages.
  package internal(set) var seed: UInt64 = 0
  // SAFETY: owned by this object alone, and freed when it goes.
  private let memory: UnsafeMutablePointer<WorldMemory>

  /// A semaphore set.
  package convenience init(semaphores: Int) {
    self.init(.set(SetLayout(semaphoreCount: semaphores)), outputs: max(semaphores, 8))
    writeHeader(
      magic: SetLayout.magic, version: SetLayout.version, parameter: UInt64(semaphores))
  }

  /// A message queue.
  package convenience init(queueBytes: Int) {
    let layout = QueueLayout(size: 4)
    self.init(.queue(layout), outputs: 8)
    writeHeader(
      magic: QueueLayout.magic, version: QueueLayout.version, parameter: UInt64(layout.size))
    world.image.poke(UInt64(queueBytes), Header.queueBytes)
  }

  private init(_ shape: ObjectShape, outputs: Int) {
    // SAFETY: fresh memory of the sizes that it is used with; `deinit` returns it.
    unsafe memory = .allocate(capacity: 1)
    unsafe memory.initialize(
      to: WorldMemory(
        shape: shape, image: omega_map(shape.frame.byteCount),
        stacks: omega_map(World.stackByteCount * 16),
        fibers: omega_map(MemoryLayout<omega_fiber>.stride * 16)
          .bindMemory(to: omega_fiber.self, capacity: 16),
        output: Array(repeating: 0, count: outputs)))
    unsafe world = World(memory)
  }

  deinit {
    // SAFETY: the sizes are those of `init`, and no fiber runs.
    unsafe omega_unmap(memory.pointee.image, memory.pointee.shape.frame.byteCount)
    unsafe omega_unmap(memory.pointee.stacks, World.stackByteCount * 16)
    unsafe omega_unmap(memory.pointee.fibers, MemoryLayout<omega_fiber>.stride * 16)
    unsafe memory.deinitialize(count: 1)
    unsafe memory.deallocate()
  }

  private func writeHeader(magic: UInt64, version: UInt64, parameter: UInt64) {
    let image = world.image
    image.poke(magic, Header.magic)
    image.poke(version, Header.version)
    image.poke(parameter, Header.parameter)
    image.poke(0x100 | ObjectState.live, Header.state)
    image.poke(0o600, Header.mode)
    image.poke(UInt64(1_000_000 + world.state.nanoseconds / 1_000_000_000), Header.ctime)
  }

  // MARK: What calls refer to

  /// Keeps words for as long as the simulation lives; returns the index of the first.
  func keep(_ words: [UInt64]) -> Int {
    // SAFETY: no fiber runs, and fibers refer to the store by index.
    let first = unsafe memory.pointee.store.count
    unsafe memory.pointee.store += words
    return first
  }

  /// Keeps a thread's calls; returns the program's number.
  func keepProgram(_ calls: [Call]) -> Int {
    // SAFETY: as in `keep`.
    unsafe memory.pointee.programs.append(calls)
    return unsafe memory.pointee.programs.count - 1
  }

  /// What the last GETALL or IPC_STAT gave.
  package var output: [Int] {
    // SAFETY: as in `keep`.
    unsafe memory.pointee.output
  }

  // MARK: Processes and threads

  /// Starts a process with one thread.
  package func startProcess(pid: UInt32? = nil) -> ProcessID {
    let slot = freeProcess()
    world.state.processes[slot] = SimulatedProcess()
    world.state.processes[slot].pid = pid ?? nextPid()
    world.state.processes[slot].startTime = world.state.nextStart
    world.state.processes[slot].hasEnded = false
    world.state.nextStart += 1
    return ProcessID(slot: slot, thread: startThread(slot, world.state.processes[slot].pid).slot)
  }

  /// Starts another thread of a process.
  package func startThread(of process: ProcessID) -> ThreadID {
    startThread(process.slot, nextPid())
  }

  private func startThread(_ process: Int, _ tid: UInt32) -> ThreadID {
    guard
      let slot = world.state.threads.indices.first(where: {
        world.state.threads[$0].status == .absent
      })
    else { preconditionFailure("too many simulated threads") }
    world.state.threads[slot] = SimulatedThread()
    world.state.threads[slot].status = .idle
    world.state.threads[slot].process = process
    world.state.threads[slot].tid = tid
    world.makeFiber(slot)
    return ThreadID(slot: slot)
  }

  private func nextPid() -> UInt32 {
    defer { world.state.nextPid += 1 }
    return world.state.nextPid
  }

  /// A place for a process; forgets an ended one when all are taken.
  private func freeProcess() -> Int {
    let indices = world.state.processes.indices
    if let fresh = indices.first(where: { world.state.processes[$0].pid == 0 }) { return fresh }
    guard let ended = indices.first(where: { world.state.processes[$0].hasEnded }) else {
      preconditionFailure("too many simulated processes")
    }
    return ended
  }

  /// SIGKILL, or any other end: no thread of the process goes on from where it is.
  package func kill(_ process: ProcessID) {
    world.endProcess(process.slot)
    forgetThreads(of: process.slot)
  }

  /// The threads' places are free again; their stacks are given up as they are.
  func forgetThreads(of process: Int) {
    for slot in world.state.threads.indices
    where world.state.threads[slot].status == .dead && world.state.threads[slot].process == process
    {
      world.state.threads[slot].status = .absent
    }
  }

  /// The end of one thread; its process goes on.
  package func end(_ thread: ThreadID) {
    world.endThread(thread.slot)
    world.state.threads[thread.slot].status = .absent
  }

  /// `execve`: the threads but the first are gone, the robust list is walked, pid and start time stay.
  package func exec(_ process: ProcessID) -> ProcessID {
    let old = world.state.processes[process.slot]
    for slot in world.state.threads.indices
    where world.state.threads[slot].status != .absent
      && world.state.threads[slot].process == process.slot
    {
      world.endThread(slot)
    }
    forgetThreads(of: process.slot)
    world.state.processes[process.slot] = SimulatedProcess()
    world.state.processes[process.slot].pid = old.pid
    world.state.processes[process.slot].startTime = old.startTime
    world.state.processes[process.slot].hasEnded = false
    return ProcessID(slot: process.slot, thread: startThread(process.slot, old.pid).slot)
  }

  package func pid(_ process: ProcessID) -> UInt32 { world.state.processes[process.slot].pid }
}

/// A process of a simulation, by its first thread.
package struct ProcessID: Hashable, Sendable {
  let slot: Int
  let thread: Int
  package var first: ThreadID { ThreadID(slot: thread) }
}

package struct ThreadID: Hashable, Sendable {
  let slot: Int
}
