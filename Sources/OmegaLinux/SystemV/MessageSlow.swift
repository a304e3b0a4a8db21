import COmegaLinux
import OmegaEngine

// Everything that the fast calls leave: errors in Linux's order, sleepers, waiting.
extension Namespace {
  @inline(never)
  func sendSlow(
    _ identifier: Int32, _ message: UnsafeMutableRawPointer?, byteCount: UInt, flags: Int32
  ) -> Int32 {
    endAbandonedSleep()
    omega_set_cancellable(1)
    defer { omega_set_cancellable(0) }
    do throws(Errno) {
      let memory = unsafe UserMemory(message)
      let type = try memory.readable(8).load(0, as: Int64.self)
      let size = Int(bitPattern: byteCount)
      try checkMessage(identifier, type: type, size: size)
      let text = try memory.readable(8 + size)
      // SAFETY: the text stands behind the type.
      return try unsafe sendSlow(
        identifier, ReadableBytes(address: text.address + 8), type: type, size: size, flags: flags)
    } catch {
      return -error.rawValue
    }
  }

  /// Throws EINVAL for what no queue takes.
  func checkMessage(_ identifier: Int32, type: Int64, size: Int) throws(Errno) {
    if size < 0 || size > limits.messageBytes || identifier < 0 || type < 1 { throw .invalid }
  }

  /// `msgsnd` of a message that was checked.
  func sendSlow(
    _ identifier: Int32, _ text: ReadableBytes, type: Int64, size: Int, flags: Int32
  ) throws(Errno) -> Int32 {
    while true {
      do throws(Errno) {
        try sendOnce(identifier, text, type: type, size: size, flags: flags)
        return 0
      } catch  where error == .restart {
        continue
      }
    }
  }

  private func sendOnce(
    _ identifier: Int32, _ text: ReadableBytes, type: Int64, size: Int, flags: Int32
  ) throws(Errno) {
    let host = LinuxHost()
    let handle = unsafe try handle(identifier, MessageQueue.self)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.alter)
    // SAFETY: the handle is entered.
    let queue = unsafe handle.pointee.object
    let mayWait = flags & Flag.noWait == 0
    try unsafe claim(handle, host, .sleeping)
    if mayWait, unsafe spinToSend(handle, text, type: type, size: size, flags: flags) { return }
    let outcome = try queue.send(
      host, member: Int(unsafe handle.pointee.member), type: type, size: size,
      patience: mayWait ? .mayWait : .none
    ) { text.copy(to: $0) }
    guard case .asleep(let slot) = outcome else { return }
    try unsafe sleep(handle, host, slot: slot) { _ throws(Errno) in }
  }

  @inline(never)
  func receiveSlow(
    _ identifier: Int32, _ message: UnsafeMutableRawPointer?, byteCount: UInt, type: Int,
    flags: Int32
  ) -> Int {
    endAbandonedSleep()
    omega_set_cancellable(1)
    defer { omega_set_cancellable(0) }
    var output = unsafe MessageOutput(UserMemory(message))
    return receiveSlow(identifier, &output, byteCount: byteCount, type: type, flags: flags)
  }

  func receiveSlow(
    _ identifier: Int32, _ output: inout MessageOutput, byteCount: UInt, type: Int, flags: Int32
  ) -> Int {
    do throws(Errno) {
      if identifier < 0 || byteCount > UInt(Int.max) { throw .invalid }
      let copies = flags & MessageFlag.copy != 0
      if copies && (flags & MessageFlag.except != 0 || flags & Flag.noWait == 0) { throw .invalid }
      // Linux makes its copy of the buffer first, before it looks for the queue.
      if copies { try output.checkReadable(min(Int(byteCount), limits.messageBytes)) }
      let request = Namespace.request(byteCount, type, flags)
      while true {
        do throws(Errno) {
          if copies {
            try peek(identifier, &output, position: Int64(type), request)
          } else {
            try receiveOnce(identifier, &output, request, flags: flags)
          }
          return output.result
        } catch  where error == .restart {
          continue
        }
      }
    } catch {
      return -Int(error.rawValue)
    }
  }

  private func peek(
    _ identifier: Int32, _ output: inout MessageOutput, position: Int64, _ request: MessageRequest
  ) throws(Errno) {
    let handle = unsafe try handle(identifier, MessageQueue.self)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    try unsafe handle.pointee.object.peek(LinuxHost(), position: position, request: request) {
      output.put($0, $1)
    }
  }

  private func receiveOnce(
    _ identifier: Int32, _ output: inout MessageOutput, _ request: MessageRequest, flags: Int32
  ) throws(Errno) {
    let host = LinuxHost()
    let handle = unsafe try handle(identifier, MessageQueue.self)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let queue = unsafe handle.pointee.object
    let mayWait = flags & Flag.noWait == 0
    try unsafe claim(handle, host, .sleeping)
    if mayWait, unsafe spinToReceive(handle, &output, request, flags: flags) { return }
    let outcome = try queue.receive(
      host, member: Int(unsafe handle.pointee.member), request: request,
      patience: mayWait ? .mayWait : .none
    ) { output.put($0, $1) }
    guard case .asleep(let slot) = outcome else { return }
    try unsafe sleep(handle, host, slot: slot) { queue throws(Errno) in
      try queue.collect(slot: slot, request: request) { output.put($0, $1) }
    }
  }

  /// Sleeps; when the call has succeeded, `collect` reads what it was given before that is free again.
  private func sleep(
    _ handle: ObjectHandle<MessageQueue>, _ host: LinuxHost, slot: Int,
    _ collect: (MessageQueue) throws(Errno) -> Void
  ) throws(Errno) {
    // SAFETY: the handle is entered.
    let queue = unsafe handle.pointee.object
    var isFinished = false
    var failure: Errno?
    do throws(Errno) {
      try unsafe sleeping(handle, slot: slot) { () throws(Errno) in
        try queue.sleep(host, slot: slot, deadline: .never) { isFinished = true }
      }
      try collect(queue)
    } catch {
      failure = error
    }
    if isFinished { try? queue.release(host, slot: slot) }
    if let failure { throw failure }
  }

  // MARK: Spinning

  /// Spins while the queue is full or has no message: a hand-over between running processes takes a
  /// fraction of what parking does. Turns adapt to success.
  private func spinToSend(
    _ handle: ObjectHandle<MessageQueue>, _ text: ReadableBytes, type: Int64, size: Int,
    flags: Int32
  ) -> Bool {
    unsafe spin(handle, isSender: true) {
      unsafe Namespace.fastSend(handle, text, type: type, size: size, flags: flags) == 0
    }
  }

  private func spinToReceive(
    _ handle: ObjectHandle<MessageQueue>, _ output: inout MessageOutput,
    _ request: MessageRequest, flags: Int32
  ) -> Bool {
    unsafe spin(handle, isSender: false) {
      // Also when it was lost, for the program's memory is bad.
      let result = unsafe Namespace.fastReceive(handle, &output, request, flags: flags)
      return result.map { $0 >= 0 || output.isBad } ?? false
    }
  }

  @inline(never)
  private func spin(
    _ handle: ObjectHandle<MessageQueue>, isSender: Bool, _ attempt: () -> Bool
  ) -> Bool {
    // SAFETY: the handle is entered.
    let queue = unsafe handle.pointee.object
    guard omega_processors() > 1 else { return attempt() }
    let streams = unsafe MessageWay(handle, isSender: isSender).isLast
    let budget = unsafe max(handle.pointee.spin, streams ? 64 : SpinBudget.least)
    var step: Int32 = streams ? 16 : 1
    var patience: Int32 = streams ? SpinBudget.stream : 0
    var turns: Int32 = 0
    var tried: UInt64 = 0
    var seen = queue.activity
    while turns < budget {
      // Those who sleep there already come first.
      if queue.mustLineUp(isSender: isSender) { return false }
      let now = queue.activity
      if now != seen && patience > 0 {
        // The other side is at work: see `MessageQueue.streamTurns`.
        seen = now
        step = 32
        patience -= step
      } else if now != tried && (isSender || !queue.isEmpty) {
        tried = now
        seen = now
        if attempt() {
          unsafe handle.pointee.spin = min(budget * 2, SpinBudget.most)
          return true
        }
      } else {
        turns += step
      }
      for _ in 0..<step { omega_pause() }
    }
    unsafe handle.pointee.spin = max(budget / 2, SpinBudget.least)
    return false
  }
}
