import COmegaSimulation

/// A part of the image that a small scenario uses.
struct Region {
  var offset: Int
  var byteCount: Int
}

extension Simulation {
  /// The parts of the image that can change with as many members and sleepers as there are threads,
  /// and a few more.
  func regions() -> [Region] {
    let threads = world.state.threads.indices.count { world.state.threads[$0].status != .absent }
    let places = threads + 3
    let common = [
      Region(offset: 0, byteCount: frame.journal + 16 * 160),
      Region(offset: frame.members, byteCount: 64 * places),
      Region(offset: frame.waiters, byteCount: 256 * places),
    ]
    switch world.shape {
    case .set(let layout):
      return common + [
        Region(offset: layout.descriptors, byteCount: Descriptor.byteCount * places),
        Region(offset: layout.adjustments, byteCount: layout.adjustmentStride * places),
      ]
    case .queue(let layout):
      // Two pages of cells: one for each size class of a scenario.
      return common + [
        Region(offset: layout.stock(0), byteCount: QueueLayout.stockByteCount * places),
        Region(offset: layout.cell(0), byteCount: 2 * 4096 + 64),
      ]
    }
  }

  /// The present state in 64 bits.
  func digest(_ regions: [Region]) -> UInt64 {
    var digest: UInt64 = 0
    let image = world.image
    let journalEnd = frame.journalEntry(Int(image.peek(Header.journalCount)))
    for region in regions {
      let byteCount = region.offset == 0 ? journalEnd : region.byteCount
      digest = mix(digest, UInt64(region.offset))
      digest = world.digest(digest, region.offset, byteCount)
    }
    for thread in world.state.threads.indices where world.state.threads[thread].status != .absent {
      digest = mix(digest, digestOf(thread: thread))
    }
    for process in world.state.processes.indices where world.state.processes[process].pid != 0 {
      let state = world.state.processes[process]
      let flags =
        (state.hasEnded ? 1 : 0) | (state.hasRecord ? 2 : 0) | (state.undoBusy ? 4 : 0)
        | (state.popsAhead ? 8 : 0)
      digest = mix(digest, UInt64(state.member + 1) << 8 | UInt64(flags))
      digest = mix(digest, state.authorized << 3 | UInt64(state.granted))
    }
    return digest
  }

  private func digestOf(thread: Int) -> UInt64 {
    let state = world.state.threads[thread]
    if state.status == .dead { return mix(7, UInt64(thread)) }
    let flags =
      UInt64(state.status.rawValue) | UInt64(state.access.rawValue) << 8
      | (state.looksAround ? 1 << 16 : 0) | (state.hasResult ? 1 << 17 : 0)
      | (state.isPrivateAccess ? 1 << 18 : 0) | (state.waitsForStore ? 1 << 19 : 0)
    var digest = mix(flags, UInt64(state.position))
    digest = mix(digest, UInt64(state.offset))
    digest = mix(digest, UInt64(bitPattern: Int64(state.storesTo)))
    digest = mix(digest, state.history)
    digest = mix(digest, state.results)
    digest = mix(digest, UInt64(bitPattern: Int64(state.pendingWord)))
    for word in state.armed.indices {
      digest = mix(digest, UInt64(bitPattern: Int64(state.armed[word])))
    }
    for word in 0..<state.waitCount {
      digest = mix(digest, UInt64(bitPattern: Int64(state.waits[word])))
    }
    if state.waitCount > 0 {
      let earlier = world.state.threads.indices.count {
        world.state.threads[$0].waitCount > 0 && world.state.threads[$0].ticket < state.ticket
      }
      digest = mix(digest, UInt64(earlier))
    }
    return digest
  }

  /// What a word of the image is, for people.
  func nameOfWord(_ offset: Int) -> String {
    if offset < Frame.headerByteCount { return "header+\(offset)" }
    if case .queue(let layout) = world.shape { return nameOfWord(offset, layout) }
    if offset < layout.frame.journal { return part("cell", offset - SetLayout.headerByteCount, 64) }
    if offset < layout.frame.members { return "journal+\(offset - layout.frame.journal)" }
    if offset < layout.descriptors { return part("member", offset - layout.frame.members, 64) }
    if offset < layout.adjustments {
      return part("descriptor", offset - layout.descriptors, Descriptor.byteCount)
    }
    if offset < layout.frame.waiters {
      return part("adjustment", offset - layout.adjustments, layout.adjustmentStride)
    }
    return part("waiter", offset - layout.frame.waiters, 256)
  }

  func part(_ name: String, _ distance: Int, _ size: Int) -> String {
    "\(name)[\(distance / size)]+\(distance % size)"
  }
}

/// A saved state: the world's state, the fibers' contexts, the used parts of image and stacks.
@safe
final class Snapshot {
  // SAFETY: owned by this object, freed with it; every piece lies in the memory of the simulation
  // that it was taken of and is restored to, at the same address.
  private let bytes: UnsafeMutableRawPointer
  private var pieces: [(address: UnsafeMutableRawPointer, byteCount: Int)] = unsafe []

  init(_ simulation: Simulation, _ regions: [Region]) {
    let memory = unsafe simulation.world.memory
    // SAFETY: the addresses are those of the simulation's own memory; no fiber runs.
    unsafe pieces.append((UnsafeMutableRawPointer(memory), MemoryLayout<WorldState>.size))
    for region in regions {
      unsafe pieces.append((memory.pointee.image + region.offset, region.byteCount))
    }
    for thread in simulation.world.state.threads.indices
    where simulation.world.state.threads[thread].isInCall {
      let fiber = unsafe memory.pointee.fibers + thread
      unsafe pieces.append((UnsafeMutableRawPointer(fiber), MemoryLayout<omega_fiber>.size))
      let top = unsafe fiber.pointee.stack + fiber.pointee.byte_count
      if unsafe fiber.pointee.started != 0 {
        let low: UnsafeMutableRawPointer = unsafe fiber.pointee.low
        unsafe pieces.append((low, top - low))
      }
    }
    let total = unsafe pieces.reduce(0) { unsafe $0 + ($1.byteCount + 15) & ~15 }
    unsafe bytes = .allocate(byteCount: total, alignment: 16)
    var position = 0
    for index in unsafe pieces.indices {
      let piece = unsafe pieces[index]
      unsafe (bytes + position).copyMemory(from: piece.address, byteCount: piece.byteCount)
      unsafe position += (piece.byteCount + 15) & ~15
    }
  }

  deinit {
    unsafe bytes.deallocate()
  }

  func restore(_ simulation: Simulation) {
    var position = 0
    for index in unsafe pieces.indices {
      let piece = unsafe pieces[index]
      // SAFETY: the same memory that it was copied from; no fiber runs.
      unsafe piece.address.copyMemory(from: bytes + position, byteCount: piece.byteCount)
      unsafe position += (piece.byteCount + 15) & ~15
    }
  }
}
