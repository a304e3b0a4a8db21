import OmegaLinux

// The System V semaphore calls under `omega_` names, for programs that want both the kernel's and
// ours. (semctl takes variable arguments in C: see below.)

// SAFETY: (semop, semtimedop) pointers are passed on untouched; OmegaLinux asks the kernel about them
// before it reads.

@c(omega_semget)
public func semget(_ key: Int32, _ semaphoreCount: Int32, _ flags: Int32) -> Int32 {
  callResult { namespace in
    namespace.getSet(key: key, semaphoreCount: semaphoreCount, flags: flags)
  }
}

@c(omega_semop)
public func semop(
  _ identifier: Int32, _ operations: UnsafeMutableRawPointer?, _ count: UInt
) -> Int32 {
  callResult { namespace in
    unsafe namespace.operate(identifier, operations, count: count, timeout: nil)
  }
}

@c(omega_semtimedop)
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
@c(omega_semctl)
public func semctl(
  _ identifier: Int32, _ semaphore: Int32, _ command: Int32, _ argument: UInt
) -> Int32 {
  semaphoreControl(identifier, semaphore, command, argument)
}
