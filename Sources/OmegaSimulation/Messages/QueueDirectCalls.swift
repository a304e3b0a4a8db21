/// Calls on a queue that run to their end, or to their sleep.
extension Simulation {
  package func send(
    _ thread: ThreadID, type: Int, byteCount: Int = 8, message: UInt64 = 0, flags: Int32 = 0
  ) -> Outcome {
    call(thread, sending(type: type, byteCount: byteCount, message: message, flags: flags))
  }

  func sending(type: Int, byteCount: Int, message: UInt64, flags: Int32 = 0) -> Call {
    var call = Call(kind: .send)
    call.type = Int64(type)
    call.byteCount = byteCount
    call.message = message
    call.flags = flags
    return call
  }

  /// The outcome's value is the number of bytes; `received` tells which message it was.
  package func receive(
    _ thread: ThreadID, type: Int = 0, capacity: Int = 8192, flags: Int32 = 0
  ) -> Outcome {
    call(thread, receiving(type: type, capacity: capacity, flags: flags))
  }

  func receiving(type: Int, capacity: Int = 8192, flags: Int32 = 0) -> Call {
    var call = Call(kind: .receive)
    call.type = Int64(type)
    call.byteCount = capacity
    call.flags = flags
    return call
  }

  /// MSG_COPY.
  package func peek(
    _ thread: ThreadID, position: Int, capacity: Int = 8192, flags: Int32 = 0
  ) -> Outcome {
    var call = receiving(type: position, capacity: capacity, flags: flags)
    call.kind = .peek
    return self.call(thread, call)
  }

  /// The message that the thread received last, and its type.
  package func received(_ thread: ThreadID) -> (message: UInt64, type: Int) {
    let state = world.state.threads[thread.slot]
    return (state.received, Int(state.receivedType))
  }

  /// IPC_SET.
  package func setQueue(
    _ thread: ThreadID, id: Int = 0, mode: Int = 0o600, queueBytes: Int
  ) -> Outcome {
    call(thread, settingQueue(id: id, mode: mode, queueBytes: queueBytes))
  }

  func settingQueue(id: Int = 0, mode: Int = 0o600, queueBytes: Int) -> Call {
    var call = Call(kind: .setQueue, semaphore: mode, value: id)
    call.type = Int64(queueBytes)
    return call
  }

  /// IPC_STAT of a queue.
  package struct Status: Equatable, Sendable {
    package var messages, bytes, lastSender, lastReceiver, stime, rtime, ctime, queueBytes: Int
  }

  package func queueStatus(_ thread: ThreadID) -> Status? {
    guard call(thread, Call(kind: .status)) == .success else { return nil }
    let words = output
    return Status(
      messages: words[0], bytes: words[1], lastSender: words[2], lastReceiver: words[3],
      stime: words[4], rtime: words[5], ctime: words[6], queueBytes: words[7])
  }

  /// Whose calls the process makes from now on; 0 may do everything.
  package func become(_ process: ProcessID, uid: Int) {
    world.state.processes[process.slot].uid = UInt32(uid)
    world.state.processes[process.slot].authorized = 0
  }
}
