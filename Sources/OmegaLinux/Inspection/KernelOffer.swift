import COmegaLinux

/// What the running kernel, or a sandbox in front of it, offers to the library.
public enum KernelOffer {
  public enum Answer: Equatable, Sendable {
    case present
    /// ENOSYS: the host falls back to bounded waits.
    case missing
    /// Another errno than a kernel gives, hence a sandbox.
    case refused(Int32)
  }

  /// futex_waitv(2), asked to wait on nothing: EINVAL from a kernel that has it.
  public static var futexWaitv: Answer {
    let result = omega_call(omega_call_futex_waitv, 0, 0, 0, 0, 0, 0)
    switch result {
    case -22: return .present
    case -38: return .missing
    default: return .refused(Int32(truncatingIfNeeded: -result))
    }
  }

  /// Whether the calling thread has the robust list that life words are entered in.
  public static var robustLists: Bool {
    _ = LinuxHost()  // Identifies the thread.
    // SAFETY: the thread's own storage.
    return unsafe omega_thread().pointee.robust != nil
  }
}
