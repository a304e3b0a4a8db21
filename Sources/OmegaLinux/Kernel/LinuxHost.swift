import COmegaLinux
import OmegaEngine

/// The engine's host on Linux: futexes, the robust list, /proc.
@safe
public struct LinuxHost: Host {
  public let pid: UInt32
  public let tid: UInt32
  public let startTime: UInt64
  // SAFETY: points into the calling thread's own storage, and a host value never leaves its thread.
  private let thread: UnsafeMutablePointer<omega_thread>

  /// The caller has blocked all signals for longer than a section.
  var isQuiet = false

  /// The calling thread.
  public init() {
    // SAFETY: both point to storage that lives as long as the thread and the process.
    unsafe thread = omega_thread()
    var identity = unsafe omega_identity()
    if unsafe identity.pointee.pid == 0 { unsafe identity = omega_identify() }
    pid = unsafe identity.pointee.pid
    startTime = unsafe identity.pointee.start_time
    if unsafe thread.pointee.pid != pid { unsafe omega_identify_thread(thread, pid) }
    tid = unsafe thread.pointee.tid
  }

  public func now() -> Int64 { omega_seconds() }
  public func pause() { omega_pause() }
  public var spinTurns: Int { 100 }
  public func crashPoint() {}

  // MARK: Sections

  public func enter() -> SectionToken {
    let pending = unsafe thread.pointee.robust.map { unsafe $0.pointee.list_op_pending } ?? 0
    if isQuiet { return SectionToken(signalMask: 0, pending: pending) }
    var old: UInt64 = 0
    var all = UInt64.max
    // SAFETY: rt_sigprocmask(SIG_SETMASK) reads and writes eight bytes each.
    unsafe withUnsafeMutablePointer(to: &old) { old in
      unsafe withUnsafePointer(to: &all) { all in
        _ = omega_call(
          omega_call_rt_sigprocmask, 2, Int(bitPattern: all), Int(bitPattern: old), 8, 0, 0)
      }
    }
    return SectionToken(signalMask: old, pending: pending)
  }

  public func leave(_ token: SectionToken) {
    // SAFETY: the list head is this thread's.
    if let head = unsafe thread.pointee.robust {
      unsafe head.pointee.list_op_pending = token.pending
    }
    if isQuiet { return }
    var mask = token.signalMask
    // SAFETY: as in `enter`.
    unsafe withUnsafePointer(to: &mask) { mask in
      _ = omega_call(
        omega_call_rt_sigprocmask, 2, Int(bitPattern: mask), 0, 8, 0, 0)
    }
  }

  public func protect(_ image: Image, _ offset: Int) {
    // SAFETY: the word is in a mapping that outlives the section; the kernel finds it 32 bytes before
    // the entry (glibc's futex offset, checked when the thread was identified).
    guard let head = unsafe thread.pointee.robust else { return }
    unsafe omega_set_pending(head, UInt(bitPattern: image.address(offset)) + 32)
  }

  public func arm(_ image: Image, _ memberOffset: Int) -> Bool {
    // SAFETY: called inside a section, so no signal handler runs; the mapping stays until the handle
    // that armed it disarms it.
    guard let head = unsafe thread.pointee.robust,
      unsafe thread.pointee.armed < LinuxHost.mostArmed
    else { return false }
    unsafe thread.pointee.armed += 1
    unsafe omega_robust_add(head, image.address(memberOffset))
    image.store32(tid | Futex.waiters, memberOffset)
    return true
  }

  /// The kernel walks no more than 2048 entries of a thread's list (ROBUST_LIST_LIMIT), and libc has its
  /// own there. The word of another stays 0: who wants to know asks the system.
  private static var mostArmed: UInt32 { 1800 }

  // MARK: Waiting

  public func wake(_ image: Image, _ offset: Int, count: Int) {
    // SAFETY: an address inside a live mapping.
    _ = unsafe omega_call(
      omega_call_futex, Int(bitPattern: image.address(offset)), 1, count, 0, 0, 0)
  }

  public func waitForLock(_ image: Image, _ offset: Int, expected: UInt32) -> WakeReason {
    let until = Kernel.monotonicNanoseconds + LinuxHost.lockWait
    return reason(waitOnOne(image, offset, expected, until: until), .never)
  }

  public func waitForOwner(_ turns: Int) {
    if turns < 200 {
      omega_pause()
    } else if turns < 1000 {
      _ = omega_call(omega_call_sched_yield, 0, 0, 0, 0, 0, 0)
    } else {
      // Stopped, perhaps for long.
      LinuxHost.nap(nanoseconds: 100_000)
    }
  }

  private static func nap(nanoseconds: Int64) {
    var time = omega_timespec(seconds: 0, nanoseconds: nanoseconds)
    // SAFETY: the structure outlives the call.
    _ = unsafe withUnsafePointer(to: &time) {
      omega_call(omega_call_nanosleep, Int(bitPattern: $0), 0, 0, 0, 0, 0)
    }
  }

  /// About 20 ms more than it takes an owner that runs, or waits for a processor as others do.
  public var ownerPatience: Int { 1100 }

  /// MEMBARRIER_CMD_GLOBAL (membarrier(2)): every processor has gone through the kernel's code, and so
  /// between two instructions. Some tens of milliseconds. Where the system has it not, no instruction
  /// takes as long as a nap.
  public func finishInstructions() {
    if omega_call(omega_call_membarrier, 1, 0, 0, 0, 0, 0) != 0 {
      LinuxHost.nap(nanoseconds: 10_000_000)
    }
  }

  /// Bounded waits, in nanoseconds: for the lock; between looks when life words cannot be waited for;
  /// and the insurance against two deaths at once (a sleeper that the kernel chose to wake, dying).
  static let lockWait: Int64 = 20_000_000
  static let lookInterval: Int64 = 5_000_000
  static let insurance: Int64 = 500_000_000

  public func beginSleep(_ image: Image, _ offset: Int) -> SleepState {
    // SAFETY: the list head is this thread's, the word inside a mapping that outlives the sleep.
    guard let head = unsafe thread.pointee.robust else { return SleepState() }
    var state = unsafe SleepState(pending: head.pointee.list_op_pending)
    state.signalMask = omega_block_signals()
    image.store32(tid | Futex.waiters, offset)
    protect(image, offset)
    return state
  }

  public func endSleep(_ state: SleepState) {
    // SAFETY: as above.
    if let head = unsafe thread.pointee.robust {
      unsafe omega_set_pending(head, state.pending)
    }
    if let mask = state.signalMask { omega_restore_signals(mask) }
  }

  public func sleep(
    _ image: Image, _ offset: Int, expected: UInt32, deadline: Deadline, watch: WatchList,
    _ state: inout SleepState
  ) -> WakeReason {
    // Blocked until the wait, so that none is handled unnoticed before it: the look at the handlers alone
    // takes some microseconds.
    if state.signalMask == nil { state.signalMask = omega_block_signals() }
    let now = Kernel.monotonicNanoseconds
    let mustLook = watch.count != 0 || watch.isIncomplete
    let canWatch = !watch.isIncomplete && omega_may_waitv() != 0
    if mustLook && !(canWatch && omega_has_restarting_handler() == 0) {
      return sleepInSteps(image, offset, expected, deadline, &state)
    }
    if let mask = state.signalMask {
      state.signalMask = nil
      if omega_deliver_signals(mask) != 0 { return .interrupted }
      omega_restore_signals(mask)
    }
    if !mustLook {
      // Long: a signal handled between two waits does not end the call.
      let until = min(deadline.nanoseconds, now + 120 * LinuxHost.insurance)
      return reason(waitOnOne(image, offset, expected, until: until), deadline)
    }
    let step = watch.mayMissDeath ? LinuxHost.lookInterval * 4 : LinuxHost.insurance
    let until = min(deadline.nanoseconds, now + step)
    let result = waitOnMany(image, offset, expected, watch, until: until)
    // Woken, EINTR, EAGAIN (a word had changed), ETIMEDOUT. Anything else is an older kernel (ENOSYS) or
    // a sandbox (EPERM): from now on look instead.
    if result < 0 && result != -4 && result != -11 && result != -110 {
      omega_forbid_waitv()
      return .lookAround
    }
    return reason(result, deadline)
  }

  /// Where life words cannot be waited for: bounded waits, with signals blocked from the first to the
  /// last, so that none is handled unnoticed between two of them.
  private func sleepInSteps(
    _ image: Image, _ offset: Int, _ expected: UInt32, _ deadline: Deadline,
    _ state: inout SleepState
  ) -> WakeReason {
    let mask = state.signalMask ?? omega_block_signals()
    state.signalMask = mask
    let until = min(deadline.nanoseconds, Kernel.monotonicNanoseconds + LinuxHost.lookInterval)
    let result = reason(waitOnOne(image, offset, expected, until: until), deadline)
    // A call that was finished meanwhile has priority (semantics B2.13).
    if image.load32(offset) != 0 && omega_deliver_signals(mask) != 0 {
      state.signalMask = nil
      return .interrupted
    }
    return result
  }

  private func reason(_ result: Int, _ deadline: Deadline) -> WakeReason {
    switch result {
    case -4: return .interrupted
    case -110:
      return Kernel.monotonicNanoseconds >= deadline.nanoseconds ? .timedOut : .lookAround
    default: return .woken
    }
  }

  /// FUTEX_WAIT_BITSET with an absolute time. A wait with a timeout returns EINTR after any signal
  /// handler, also one installed with SA_RESTART, as semop does.
  private func waitOnOne(
    _ image: Image, _ offset: Int, _ expected: UInt32, until: Int64
  ) -> Int {
    var time = omega_timespec(
      seconds: until / 1_000_000_000, nanoseconds: until % 1_000_000_000)
    // SAFETY: an address inside a live mapping, and a structure that outlives the call.
    return unsafe withUnsafePointer(to: &time) { time in
      unsafe omega_sleeping_call(
        omega_call_futex, Int(bitPattern: image.address(offset)), 9, Int(expected),
        Int(bitPattern: time), 0, -1)
    }
  }

  private func waitOnMany(
    _ image: Image, _ offset: Int, _ expected: UInt32, _ watch: WatchList, until: Int64
  ) -> Int {
    var list = InlineArray<64, omega_waitv>(repeating: omega_waitv())
    list[0] = waitEntry(image, offset, expected)
    for index in 0..<watch.count {
      list[index + 1] = waitEntry(image, watch.offset(index), watch.expected(index))
    }
    var time = omega_timespec(
      seconds: until / 1_000_000_000, nanoseconds: until % 1_000_000_000)
    // SAFETY: the list and the time outlive the call; addresses are inside a live mapping.
    return unsafe withUnsafePointer(to: &list) { list in
      unsafe withUnsafePointer(to: &time) { time in
        omega_sleeping_call(
          omega_call_futex_waitv, Int(bitPattern: list), watch.count + 1, 0,
          Int(bitPattern: time), 1, 0)
      }
    }
  }

  private func waitEntry(_ image: Image, _ offset: Int, _ expected: UInt32) -> omega_waitv {
    // SAFETY: only the number of the address is taken.
    unsafe omega_waitv(
      value: UInt64(expected), address: UInt64(UInt(bitPattern: image.address(offset))),
      flags: 2, reserved: 0)
  }

  // MARK: Liveness

  public func threadIsGone(_ tid: UInt32) -> Bool {
    if omega_call(omega_call_tkill, Int(tid), 0, 0, 0, 0, 0) == -3 { return true }
    var stat = omega_stat()
    // SAFETY: the structure outlives the call.
    guard unsafe omega_read_stat(tid, &stat) == 0 else { return false }
    return LinuxHost.hasEnded(stat)
  }

  public func threadExists(_ tid: UInt32) -> Bool {
    omega_call(omega_call_tkill, Int(tid), 0, 0, 0, 0, 0) != -3
  }

  public func processIsGone(pid: UInt32, startTime: UInt64) -> Bool {
    if omega_call(omega_call_kill, Int(pid), 0, 0, 0, 0, 0) == -3 { return true }
    if startTime >> 40 != 0 {
      let number = omega_process_number(pid)
      if number != 0 && number != startTime >> 40 { return true }
    }
    var stat = omega_stat()
    // SAFETY: the structure outlives the call.
    guard unsafe omega_read_stat(pid, &stat) == 0 else { return false }
    if (stat.start_time ^ startTime) << 24 != 0 { return true }
    // The first thread may have ended while others go on.
    return stat.threads <= 1 && LinuxHost.hasEnded(stat)
  }

  /// A zombie, or past the point where a task can do anything more (PF_EXITING).
  static func hasEnded(_ stat: omega_stat) -> Bool {
    stat.state == 90 || stat.state == 88 || stat.flags & 4 != 0  // "Z", "X"
  }

  // MARK: Memory

  public func claim(_ image: Image, _ offset: Int, byteCount: Int) -> Bool {
    // SAFETY: the range is inside the mapping; populating it writes nothing.
    unsafe omega_claim(image.address(offset), byteCount) != 0
  }
}

/// The calling thread: its pending robust word, and an instruction without a bus lock.
@safe
struct LinuxCallOwner: CallOwner {
  // SAFETY: the calling thread's own storage; the value never leaves its thread.
  private let thread: UnsafeMutablePointer<omega_thread>

  @inline(__always)
  init(_ thread: UnsafeMutablePointer<omega_thread>) { unsafe self.thread = thread }

  @unsafe @inline(__always)
  func begin(_ image: Image, _ offset: Int) -> Bool {
    // SAFETY: the list head is this thread's, the word inside a live mapping. A pending word that is
    // there already belongs to libc, or to a call of ours, below the signal handler that we are in.
    guard let head = unsafe thread.pointee.robust, unsafe head.pointee.list_op_pending == 0 else {
      return false
    }
    unsafe image.storeTrusted32(thread.pointee.tid | Futex.waiters, offset)
    unsafe omega_set_pending(head, UInt(bitPattern: image.trustedAddress(offset)) &+ 32)
    return true
  }

  @inline(__always)
  func end() {
    // SAFETY: as above.
    if let head = unsafe thread.pointee.robust { unsafe omega_set_pending(head, 0) }
  }

  @unsafe @inline(__always)
  func exchange(_ image: Image, _ offset: Int, _ old: UInt64, _ new: UInt64) -> Bool {
    // SAFETY: a trusted offset in a live mapping.
    unsafe omega_owner_exchange(image.trustedAddress(offset), old, new) != 0
  }

  @inline(__always)
  func now() -> Int64 { omega_seconds() }
}

/// The calling thread in a fast call of a queue.
@safe
struct LinuxFastCaller: FastCaller {
  // SAFETY: the calling thread's own storage; the value never leaves its thread.
  private let thread: UnsafeMutablePointer<omega_thread>

  private let way: MessageWay

  @inline(__always)
  init(_ thread: UnsafeMutablePointer<omega_thread>, _ way: MessageWay) {
    unsafe self.thread = thread
    self.way = way
  }

  // Asked only by a call that is contended, or ahead of its needs.
  var isStreaming: Bool {
    @inline(__always) get { way.isLast }
  }

  @inline(__always)
  func expect(_ image: Image, _ offset: Int) {
    // SAFETY: an address inside a live mapping; only a hint.
    unsafe omega_expect(image.address(offset))
  }

  var tid: UInt32 {
    @inline(__always) get { unsafe thread.pointee.tid }
  }

  @inline(__always)
  func begin(_ image: Image, _ offset: Int) -> Bool {
    // SAFETY: the list head is this thread's, the word inside a live mapping. A pending word that is
    // there already belongs to libc, or to a call of ours, below the signal handler that we are in.
    guard let head = unsafe thread.pointee.robust, unsafe head.pointee.list_op_pending == 0 else {
      return false
    }
    unsafe omega_set_pending(head, UInt(bitPattern: image.address(offset)) + 32)
    return true
  }

  @inline(__always)
  func end() {
    // SAFETY: as above.
    if let head = unsafe thread.pointee.robust { unsafe omega_set_pending(head, 0) }
  }

  func wake(_ image: Image, _ offset: Int) {
    // SAFETY: an address inside a live mapping.
    _ = unsafe omega_call(omega_call_futex, Int(bitPattern: image.address(offset)), 1, 1, 0, 0, 0)
  }

  @inline(__always) func pause() { omega_pause() }
}
