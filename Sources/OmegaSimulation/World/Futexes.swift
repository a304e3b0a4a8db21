/// The simulated kernel's futexes (futex(2), futex_waitv(2)).
extension World {
  /// Wakes up to `count` waiters of a word, longest wait first.
  ///
  /// As in the kernel, a thread that waits on several words and was woken on one of them stands on the
  /// others until it runs, and takes a wake there for nothing.
  func wakeWaiters(_ offset: Int, count: Int) {
    for _ in 0..<count {
      var oldest = -1
      for thread in state.threads.indices where isWaiting(thread, on: offset) {
        if oldest < 0 || state.threads[thread].ticket < state.threads[oldest].ticket {
          oldest = thread
        }
      }
      if oldest < 0 { return }
      for index in 0..<state.threads[oldest].waitCount
      where state.threads[oldest].waits[index] == offset {
        state.threads[oldest].waits[index] = -1
        break
      }
      rouse(oldest, .woken)
    }
  }

  private func isWaiting(_ thread: Int, on offset: Int) -> Bool {
    for index in 0..<state.threads[thread].waitCount
    where state.threads[thread].waits[index] == offset {
      return true
    }
    return false
  }

  /// Ends a thread's wait. The first reason counts.
  func rouse(_ thread: Int, _ reason: WakeReason) {
    let status = state.threads[thread].status
    guard status == .sleeping || status == .waitingForLock else { return }
    state.threads[thread].status = .ready
    state.threads[thread].access = .system
    state.threads[thread].isPrivateAccess = false
    state.threads[thread].isKillPoint = true
    state.threads[thread].wakeReason = reason
  }

  /// Parks the running thread, whose words stand in `waits`, until it is roused; returns the reason.
  func park(_ status: ThreadStatus) -> WakeReason {
    let thread = state.current
    state.tickets += 1
    state.threads[thread].ticket = state.tickets
    state.threads[thread].status = status
    yield()
    state.threads[thread].waitCount = 0
    return state.threads[thread].wakeReason
  }
}

/// The end of threads and processes.
extension World {
  /// Ends a thread where it is: it never runs again, and its robust words are marked
  /// (exit_robust_list and handle_futex_death in kernel/futex/core.c).
  func endThread(_ thread: Int) {
    guard state.threads[thread].status != .dead else { return }
    state.threads[thread].status = .dead
    state.threads[thread].storesTo = -1
    state.threads[thread].waitCount = 0
    for other in state.threads.indices { state.threads[other].waitsForStore = false }
    if state.fault == .forgetsRobustList { return }
    for index in state.threads[thread].armed.indices {
      let word = state.threads[thread].armed[index]
      if word >= 0 { mark(word, tid: state.threads[thread].tid, isPending: false) }
    }
    let pending = state.threads[thread].pendingWord
    if pending >= 0 { mark(pending, tid: state.threads[thread].tid, isPending: true) }
  }

  private func mark(_ offset: Int, tid: UInt32, isPending: Bool) {
    let word = image.peek32(offset)
    if isPending && word == 0 {
      wakeWaiters(offset, count: 1)
      return
    }
    guard word & Futex.ownerMask == tid else { return }
    image.poke32(word & Futex.waiters | Futex.ownerDied, offset)
    if word & Futex.waiters != 0 { wakeWaiters(offset, count: 1) }
  }

  /// Ends a process: all its threads, then itself.
  func endProcess(_ process: Int) {
    for thread in state.threads.indices
    where state.threads[thread].status != .absent && state.threads[thread].process == process {
      endThread(thread)
    }
    state.processes[process].hasEnded = true
  }

  func threadHasEnded(_ tid: UInt32) -> Bool {
    for thread in state.threads.indices
    where state.threads[thread].status != .absent && state.threads[thread].tid == tid {
      return state.threads[thread].status == .dead
    }
    return true
  }

  func processHasEnded(pid: UInt32, startTime: UInt64) -> Bool {
    for process in state.processes.indices
    where state.processes[process].pid == pid && state.processes[process].startTime == startTime {
      return state.processes[process].hasEnded
    }
    return true
  }
}
