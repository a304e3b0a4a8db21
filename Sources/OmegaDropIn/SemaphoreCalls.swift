import COmegaLinux
import OmegaLinux

// The System V semaphore calls under their own names. Each only finds the namespace, calls OmegaLinux
// and turns a negative result into errno. The direct system call stands in syscall.c.

// SAFETY: (semop, semtimedop) pointers are passed on untouched; OmegaLinux asks the kernel about them
// before it reads.

@c(semget)
public func semget(_ key: Int32, _ semaphoreCount: Int32, _ flags: Int32) -> Int32 {
  callResult { namespace in
    namespace.getSet(key: key, semaphoreCount: semaphoreCount, flags: flags)
  }
}

@c(semop)
public func semop(
  _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, _ count: UInt
) -> Int32 {
  callResult { namespace in
    unsafe namespace.operate(identifier, operations, count: count, timeout: nil)
  }
}

@c(semtimedop)
public func semtimedop(
  _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, _ count: UInt,
  _ timeout: UnsafeMutableRawPointer?
) -> Int32 {
  callResult { namespace in
    unsafe namespace.operate(identifier, operations, count: count, timeout: timeout)
  }
}

// On the ABIs of x86-64 and aarch64 Linux a variable argument is passed as a named one, and one that
// was not passed is a register's content, which commands without an argument ignore.
@c(semctl)
public func semctl(
  _ identifier: Int32, _ semaphore: Int32, _ command: Int32, _ argument: UInt
) -> Int32 {
  semaphoreControl(identifier, semaphore, command, argument)
}

/// After unshare or setns left the shared undo list. Nothing to do in a process whose other threads
/// keep the list, or that has no namespace and was not given one.
@c(omega_dropin_unshared)
public func unshared() {
  if omega_single_threaded() == 0 { return }
  // SAFETY: the shim's buffer is terminated and lives for ever.
  if unsafe omega_get_default() == nil && omega_namespace().pointee == 0 { return }
  if let namespace = try? Namespace.ofEnvironment() { namespace.applyUndoNow() }
}
