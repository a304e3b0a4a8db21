import Glibc

// The engine over a private image, driven by an input: calls of several processes, their deaths, and
// a peer that scribbles over the image between the steps. Whatever the image holds, no call may crash,
// reach outside (the image stands between inaccessible pages) or go on for ever.

let semaphoreCount = 4
let layout = SetLayout(semaphoreCount: semaphoreCount)
let queueLayout = QueueLayout(size: 4)
let guardByteCount = 64 << 20

/// An image's memory: inaccessible on both sides, farther than any field of an image can name by chance.
func guardedMemory(_ imageByteCount: Int) -> UnsafeMutableRawPointer {
  let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
  let byteCount = imageByteCount + 2 * guardByteCount
  guard let whole = mmap(nil, byteCount, PROT_NONE, flags, -1, 0), whole != MAP_FAILED,
    mprotect(whole + guardByteCount, imageByteCount, PROT_READ | PROT_WRITE) == 0
  else { fatalError("no memory") }
  return whole + guardByteCount
}

nonisolated(unsafe) let setMemory = guardedMemory(layout.byteCount)
nonisolated(unsafe) let queueMemory = guardedMemory(queueLayout.frame.byteCount)

/// The image of a new object.
func freshImage(
  _ memory: UnsafeMutableRawPointer, _ byteCount: Int, magic: UInt64, version: UInt64,
  parameter: Int
) -> Image {
  madvise(memory, byteCount, MADV_DONTNEED)
  let image = Image(base: memory, byteCount: byteCount)
  image.store(magic, Header.magic)
  image.store(version, Header.version)
  image.store(UInt64(parameter), Header.parameter)
  image.store(0x100 | ObjectState.live, Header.state)
  image.store(0o600, Header.mode)
  return image
}

/// The first byte of an input says which kind of object it is about.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var input = FuzzInput(UnsafeBufferPointer(start: data, count: size))
  let world: FuzzWorld
  if input.byte() & 1 == 0 {
    let image = freshImage(
      setMemory, layout.byteCount, magic: SetLayout.magic, version: SetLayout.version,
      parameter: semaphoreCount)
    world = SetWorld(SemaphoreSet(image: image, layout: layout), input)
  } else {
    let image = freshImage(
      queueMemory, queueLayout.frame.byteCount, magic: QueueLayout.magic,
      version: QueueLayout.version, parameter: queueLayout.size)
    image.store(1000, Header.queueBytes)
    world = QueueWorld(MessageQueue(image: image, layout: queueLayout), input)
  }
  while world.input.isLeft { world.act(besides: -1) }
  return 0
}

/// Calls on a set.
final class SetWorld: FuzzWorld {
  let set: SemaphoreSet

  init(_ set: SemaphoreSet, _ input: FuzzInput) {
    self.set = set
    super.init(set.image, input)
  }

  override func act(besides sleeper: Int) {
    let choice = input.byte()
    var index = choice >> 6 % processes.count
    if index == sleeper { index = (index + 1) % processes.count }
    let host = FuzzHost(self, index)
    do throws(Errno) {
      switch choice & 0x1F {
      case 0...3: set.image.store(value(), offset())
      case 4, 5:
        scribbleAfter = input.byte()
        scribble = (offset(), value())
      case 6: kill(index)
      case 7: seconds += 1
      case 8: try set.setValue(host, semaphore: semaphore(), value: Int(input.number(2)) & 0x7FFF)
      case 9:
        let first = input.byte()
        try set.setAll(host) { first + $0 }
      case 10: try set.snapshot(host) { for number in 0..<semaphoreCount { _ = $0.word(number) } }
      case 11: _ = try set.sleeperCounts(host, semaphore: semaphore())
      case 12: _ = try set.status(host)
      case 13:
        try set.leaveMember(host)
        processes[index].hasRecord = false
      case 14: try set.setPermissions(host, uid: 1, gid: 2, mode: 0o640)
      case 15: try set.remove(host) {}
      case 16:
        let number = semaphore()
        if set.fastRead(semaphore: number, member: processes[index].member) == nil {
          _ = try set.settledRead(host, semaphore: number)
        }
      case 17: inspect(host)
      default: try operate(host, count: choice & 8 == 0 ? 1 : 1 + input.byte() % 24)
      }
    } catch {
      // Any error is right for a damaged image.
    }
  }

  override func offset() -> Int {
    let choice = input.byte()
    let slot = choice >> 4
    let field = 8 * (input.byte() & 31)
    switch choice & 0xF {
    case 0...3: return field
    case 4...6: return layout.cell(slot % semaphoreCount) + field % 64
    case 7: return layout.frame.journal + 16 * slot + field % 64
    case 8: return layout.member(slot) + field % 64
    case 9, 10: return layout.descriptor(slot) + field
    case 11: return layout.adjustment(slot, field / 8 % semaphoreCount)
    case 12, 13: return layout.waiter(slot) + field
    case 14: return layout.operations(slot, count: 500) + field
    default: return Int(input.number(4)) & ~7
    }
  }
}

extension SetWorld {
  fileprivate func semaphore() -> Int { input.byte() % semaphoreCount }

  fileprivate func inspect(_ host: FuzzHost) {
    _ = set.statusNow()
    for number in 0..<semaphoreCount {
      for slot in 0..<8 { _ = set.adjustmentAmount(member: slot, semaphore: number) }
    }
  }

  // MARK: Operations

  fileprivate func operate(_ host: FuzzHost, count: Int) throws(Errno) {
    var operations: [Operation] = []
    for _ in 0..<count {
      let what = input.byte()
      let amount = [1, -1, 0, 2, -3, 32767, -128, 127][what >> 2 & 7]
      let flags = (what & 0x20 == 0 ? 0 : Flag.undo) | (what & 0x40 == 0 ? 0 : Flag.noWait)
      operations.append(Operation(semaphore: what & 3, amount: amount, flags: flags))
    }
    if count == 1 {
      if let result = fast(host, operations[0]) {
        if result != .success { throw result }
        return
      }
    } else if count <= 8, fastSeveral(host, FuzzList(operations: operations)) == .done {
      return
    }
    let undo = operations.contains { $0.usesUndo }
    if undo { try claim(host, .undo) }
    let waits = !operations.contains { $0.refusesToWait }
    if waits { try claim(host, .sleeping) }
    let outcome = try set.operate(
      host, count: count, member: processes[host.index].member,
      patience: waits ? .mayWait : .none
    ) { operations[$0] }
    if case .asleep(let slot) = outcome { try set.sleep(host, slot: slot, deadline: .never) }
  }

  private func fast(_ host: FuzzHost, _ operation: Operation) -> Errno? {
    let number = operation.semaphore
    let member = processes[host.index].member
    guard ObjectState.of(set.stateWord) == ObjectState.live else { return nil }
    var result: FastResult
    if operation.usesUndo {
      guard operation.amount != 0, member >= 0, processes[host.index].hasRecord,
        set.isArmed(member), !processes[host.index].isBusy
      else { return nil }
      result = SemaphoreSet.tryOperateUndo(
        set.image, cell: layout.cell(number), amount: operation.amount, pid: host.pid,
        member: member)
      if result == .slow {
        result = set.fastOperateUndo(
          semaphore: number, amount: operation.amount, pid: host.pid, member: member)
      }
    } else {
      result = SemaphoreSet.tryOperate(
        set.image, cell: layout.cell(number), amount: operation.amount, pid: host.pid)
      if result == .slow {
        result = set.contendedOperate(
          semaphore: number, amount: operation.amount, pid: host.pid, member: member)
      }
    }
    switch result {
    case .done: return .success
    case .outOfRange: return .outOfRange
    case .blocked: return operation.refusesToWait ? .again : nil
    case .slow: return nil
    }
  }

  private func fastSeveral(_ host: FuzzHost, _ list: FuzzList) -> FastResult {
    let member = processes[host.index].member
    guard ObjectState.of(set.stateWord) == ObjectState.live, member >= 0, set.isArmed(member) else {
      return .slow
    }
    let caller = SeveralCaller(
      image: set.image, descriptor: layout.descriptor(member), semaphoreCount: semaphoreCount,
      pid: host.pid, tid: host.tid, member: member,
      granted: Permissions.read | Permissions.alter,
      record: processes[host.index].hasRecord ? 1 : 0)
    return SemaphoreSet.tryOperateMany(
      FuzzCallOwner(host: host), caller, count: list.operations.count, list)
  }

  private func claim(_ host: FuzzHost, _ use: MemberUse) throws(Errno) {
    let known = processes[host.index].member
    if known >= 0 && set.isArmed(known) && (use == .sleeping || processes[host.index].hasRecord) {
      return
    }
    processes[host.index].member = try set.claimMember(host, known: known, undo: use)
    if use == .undo { processes[host.index].hasRecord = true }
  }
}

struct FuzzList: OperationList {
  let operations: [Operation]
  func operation(_ index: Int) -> Operation { operations[index] }
}
