import COmegaLinux
import OmegaEngine

extension Namespace {
  /// One fast operation with the member's words at a time: a second one, on another thread or in a signal handler,
  /// goes through the lock, where it finishes the first one if it must.
  @inline(__always)
  static func beginAlone<Object>(_ handle: ObjectHandle<Object>) -> Bool {
    // SAFETY: the handle is entered.
    if omega_single_threaded() != 0 {
      if unsafe handle.pointee.undoBusy != 0 { return false }
      unsafe handle.pointee.undoBusy = 1
      omega_compiler_barrier()
      return true
    }
    return unsafe withUnsafeMutablePointer(to: &handle.pointee.undoBusy) {
      unsafe omega_try_flag($0) != 0
    }
  }

  @inline(__always)
  static func endAlone<Object>(_ handle: ObjectHandle<Object>) {
    // SAFETY: the handle is entered.
    unsafe withUnsafeMutablePointer(to: &handle.pointee.undoBusy) { unsafe omega_clear_flag($0) }
  }
}
