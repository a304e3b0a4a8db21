import Glibc
import OmegaIPC

// The Swift API against the C library, in one process and namespace, as ratios.
//
//   OMEGA_IPC_NAMESPACE=DIR omega-swift-bench build/lib/libomega.so [NAME | --figures]
//
// Build it with -c release. Rounds of both sides alternate, and the median of each counts. Where the
// linker and the kernel put things makes differences of a nanosecond or two between processes:
// `make bench` runs several, of which it wants the figures only.

typealias Get = @convention(c) (Int32, Int32, Int32) -> Int32
typealias Operate = @convention(c) (Int32, UnsafeMutablePointer<sembuf>, UInt) -> Int32
typealias Control = @convention(c) (Int32, Int32, Int32, UInt) -> Int32

typealias GetQueue = @convention(c) (Int32, Int32) -> Int32
typealias Send = @convention(c) (Int32, UnsafeRawPointer, Int, Int32) -> Int32
typealias Receive = @convention(c) (Int32, UnsafeMutableRawPointer, Int, Int, Int32) -> Int
typealias ControlQueue = @convention(c) (Int32, Int32, UInt) -> Int32

typealias GetSegment = @convention(c) (Int32, Int, Int32) -> Int32
typealias Attach = @convention(c) (Int32, UnsafeRawPointer?, Int32) -> UnsafeMutableRawPointer?
typealias Detach = @convention(c) (UnsafeRawPointer) -> Int32

let arguments = CommandLine.arguments
let onlyFigures = arguments.count > 2 && arguments[2] == "--figures"
let rounds = onlyFigures ? 61 : 301

func fail(_ text: String) -> Never {
  print("omega-swift-bench: \(text)")
  exit(1)
}

guard arguments.count >= 2, let library = dlopen(arguments[1], RTLD_NOW) else {
  fail("usage: omega-swift-bench build/lib/libomega.so [NAME | --figures]")
}

func symbol<T>(_ name: String, _ type: T.Type) -> T {
  guard let address = dlsym(library, name) else { fail("\(name) is missing") }
  return unsafeBitCast(address, to: type)
}

let omegaGet = symbol("omega_semget", Get.self)
let omegaOperate = symbol("omega_semop", Operate.self)
let omegaControl = symbol("omega_semctl", Control.self)

let omegaGetQueue = symbol("omega_msgget", GetQueue.self)
let omegaSend = symbol("omega_msgsnd", Send.self)
let omegaReceive = symbol("omega_msgrcv", Receive.self)
let omegaControlQueue = symbol("omega_msgctl", ControlQueue.self)

let omegaGetSegment = symbol("omega_shmget", GetSegment.self)
let omegaAttach = symbol("omega_shmat", Attach.self)
let omegaDetach = symbol("omega_shmdt", Detach.self)
let omegaControlSegment = symbol("omega_shmctl", ControlQueue.self)

func check(_ result: Int32) { if result < 0 { fail("a C call failed") } }

/// Nanoseconds a turn.
func time(_ turns: Int, _ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  for _ in 0..<turns { try body() }
  let (seconds, attoseconds) = (ContinuousClock.now - start).components
  return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(turns)
}

func compare(
  _ name: String, turns: Int, swift: () throws -> Void, c: () -> Void
) rethrows {
  if arguments.count > 2 && !onlyFigures && name != arguments[2] { return }
  var times: (swift: [Double], c: [Double]) = ([], [])
  for _ in 0..<rounds {
    times.swift.append(try time(turns, swift))
    times.c.append(time(turns, c))
  }
  let (swift, c) = (median(times.swift), median(times.c))
  if onlyFigures { return print("\(name)\t\(swift)\t\(c)") }
  let ratio = (swift / c * 100).rounded() / 100
  print("\(name): Swift \(rounded(swift)) ns, C \(rounded(c)) ns, ratio \(ratio)")
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

let noWait = Int16(IPC_NOWAIT)
let undo = Int16(SEM_UNDO)
let (getValue, setValue, remove): (Int32, Int32, Int32) = (12, 16, 0)

func run() throws {
  let set = try Namespace.standard.makeSemaphores([1, 0, 0, 0])
  defer { try? set.remove() }
  let id = omegaGet(0, 4, 0o1600)
  check(id)
  defer { check(omegaControl(id, 0, remove, 0)) }
  check(omegaControl(id, 0, setValue, 1))

  func one(_ number: UInt16, _ amount: Int16, _ flags: Int16) -> Int32 {
    var operation = sembuf(sem_num: number, sem_op: amount, sem_flg: flags)
    return omegaOperate(id, &operation, 1)
  }
  try compare("acquire and release", turns: 20_000) {
    try set.acquire()
    try set.release()
  } c: {
    check(one(0, -1, 0))
    check(one(0, 1, 0))
  }
  try compare("acquire and release with undo", turns: 20_000) {
    try set.acquire(undo: .atExit)
    try set.release(undo: .atExit)
  } c: {
    check(one(0, -1, undo))
    check(one(0, 1, undo))
  }
  try compare("a try that fails", turns: 20_000) {
    if try set.tryAcquire(1) { fail("it was acquired") }
  } c: {
    if one(1, -1, noWait) == 0 { fail("it was acquired") }
  }
  try compare("value", turns: 20_000) {
    if try set.value() != 1 { fail("another value") }
  } c: {
    if omegaControl(id, 0, getValue, 0) != 1 { fail("another value") }
  }
  let (up, down) = (
    (0..<4).map { SemaphoreOperation.release($0) },
    (0..<4).map { SemaphoreOperation.acquire($0) }
  )
  // Aligned, so that both are on one page: a change of page costs the C side a question to the kernel.
  let memory = UnsafeMutableRawPointer.allocate(byteCount: 48, alignment: 64)
  defer { memory.deallocate() }
  let cUp = memory.bindMemory(to: sembuf.self, capacity: 8)
  let cDown = cUp + 4
  for number in 0..<4 {
    cUp[number] = sembuf(sem_num: UInt16(number), sem_op: 1, sem_flg: 0)
    cDown[number] = sembuf(sem_num: UInt16(number), sem_op: -1, sem_flg: 0)
  }
  try compare("four up and four down", turns: 2000) {
    try set.perform(up)
    try set.perform(down)
  } c: {
    check(omegaOperate(id, cUp, 4))
    check(omegaOperate(id, cDown, 4))
  }
}

/// A message sent and received again, through a queue of each side.
func runMessages() throws {
  let queue = try Namespace.standard.makeMessageQueue()
  defer { try? queue.remove() }
  let id = omegaGetQueue(0, 0o1600)
  check(id)
  defer { check(omegaControlQueue(id, remove, 0)) }
  for byteCount in [8, 64, 1024, 8192] {
    let message = UnsafeMutableRawPointer.allocate(byteCount: 8 + byteCount, alignment: 64)
    defer { message.deallocate() }
    message.initializeMemory(as: UInt8.self, repeating: 1, count: 8 + byteCount)
    message.storeBytes(of: 3, as: Int.self)
    let sent = [UInt8](repeating: 1, count: byteCount)
    var received = sent
    try compare("a message of \(byteCount) bytes", turns: 5000) {
      try queue.send(sent, type: 3)
      var room = received.mutableSpan
      if try queue.receive(.type(3), into: &room).byteCount != byteCount { fail("another size") }
    } c: {
      check(omegaSend(id, message, byteCount, 0))
      if omegaReceive(id, message, byteCount, 3, 0) != byteCount { fail("another size") }
    }
    try compare("a message of \(byteCount) bytes as an array", turns: 5000) {
      try queue.send(sent, type: 3)
      if try queue.receive(.type(3), atMost: byteCount).bytes.count != byteCount {
        fail("another size")
      }
    } c: {
      check(omegaSend(id, message, byteCount, 0))
      if omegaReceive(id, message, byteCount, 3, 0) != byteCount { fail("another size") }
    }
  }
}

func runMemory() throws {
  let segment = try Namespace.standard.makeMemorySegment(byteCount: 4096)
  defer { try? segment.remove() }
  let id = omegaGetSegment(0, 4096, 0o1600)
  check(id)
  defer { check(omegaControlSegment(id, remove, 0)) }
  func sizeAttached() throws -> Int { try segment.attach().byteCount }
  try compare("attach and detach", turns: 50) {
    if try sizeAttached() != 4096 { fail("another size") }
  } c: {
    guard let address = omegaAttach(id, nil, 0), Int(bitPattern: address) != -1 else {
      fail("a C call failed")
    }
    check(omegaDetach(address))
  }
  try compare("attach, touch and detach", turns: 50) {
    var memory = try segment.attach()
    var bytes = memory.mutableBytes
    bytes[0] = 1
  } c: {
    guard let address = omegaAttach(id, nil, 0), Int(bitPattern: address) != -1 else {
      fail("a C call failed")
    }
    address.storeBytes(of: 1, as: UInt8.self)
    check(omegaDetach(address))
  }
}

do {
  try run()
  try runMessages()
  try runMemory()
} catch { fail("\(error)") }
