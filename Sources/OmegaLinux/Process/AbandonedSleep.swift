import COmegaLinux
import OmegaEngine

// A signal handler may leave a sleeping call by siglongjmp, an old way to give semop a timeout. The
// kernel has ended such a call before the handler runs; ours is still in its queues. The thread's
// next call that goes the slow way takes it out.
extension Namespace {
  /// Remembers the sleep for the time of `body`.
  func sleeping<Object, R>(
    _ handle: ObjectHandle<Object>, slot: Int, _ body: () throws(Errno) -> R
  ) throws(Errno) -> R {
    // SAFETY: the calling thread's own storage.
    let thread = unsafe omega_thread()
    unsafe thread.pointee.sleep_handle = UnsafeMutableRawPointer(handle)
    unsafe thread.pointee.sleep_slot = Int64(slot)
    unsafe thread.pointee.sleep_kind = Int32(Object.kind.number)
    unsafe thread.pointee.sleep_pending = thread.pointee.robust?.pointee.list_op_pending ?? 0
    unsafe thread.pointee.sleep_frame = omega_frame()
    defer { unsafe thread.pointee.sleep_frame = 0 }
    return try body()
  }

  /// Ends a sleep of this thread whose stack frame is gone: we stand at or above it on the same stack.
  @inline(__always)
  func endAbandonedSleep() {
    // SAFETY: the calling thread's own storage.
    let frame = unsafe omega_thread().pointee.sleep_frame
    if frame != 0 && omega_frame() >= frame && omega_on_signal_stack() == 0 { endSleep() }
  }

  @inline(never)
  private func endSleep() {
    // SAFETY: as above. The handle was entered by the abandoned call and never left, so it is still
    // mapped; that user is given back here.
    let thread = unsafe omega_thread()
    unsafe thread.pointee.sleep_frame = 0
    if let head = unsafe thread.pointee.robust {
      unsafe omega_set_pending(head, thread.pointee.sleep_pending)
    }
    guard let raw = unsafe thread.pointee.sleep_handle else { return }
    if unsafe thread.pointee.sleep_kind == Int32(ObjectKind.queues.number) {
      unsafe abandon(raw.assumingMemoryBound(to: Handle<MessageQueue>.self))
    } else {
      unsafe abandon(raw.assumingMemoryBound(to: Handle<SemaphoreSet>.self))
    }
  }

  private func abandon<Object>(_ handle: ObjectHandle<Object>) {
    // SAFETY: as above.
    let thread = unsafe omega_thread()
    guard unsafe thread.pointee.pid == omega_identity().pointee.pid else { return }
    let slot = Int(unsafe thread.pointee.sleep_slot)
    try? unsafe handle.pointee.object.abandon(LinuxHost(), slot: slot)
    unsafe leave(handle)
  }
}
