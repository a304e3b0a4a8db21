import OmegaLinux

// The System V message queue calls under `omega_` names, for programs that want both the
// kernel's and ours.

// SAFETY: (msgsnd, msgrcv) pointers are passed on untouched; OmegaLinux asks the kernel about them
// before it uses them.

@c(omega_msgget)
public func msgget(_ key: Int32, _ flags: Int32) -> Int32 {
  callResult { namespace in namespace.getQueue(key: key, flags: flags) }
}

@c(omega_msgsnd)
public func msgsnd(
  _ identifier: Int32, _ message: UnsafeMutableRawPointer?, _ byteCount: UInt, _ flags: Int32
) -> Int32 {
  callResult { namespace in
    unsafe namespace.send(identifier, message, byteCount: byteCount, flags: flags)
  }
}

@c(omega_msgrcv)
public func msgrcv(
  _ identifier: Int32, _ message: UnsafeMutableRawPointer?, _ byteCount: UInt, _ type: Int,
  _ flags: Int32
) -> Int {
  longResult { namespace in
    unsafe namespace.receive(
      identifier, message, byteCount: byteCount, type: type, flags: flags)
  }
}

@c(omega_msgctl)
public func msgctl(_ identifier: Int32, _ command: Int32, _ argument: UInt) -> Int32 {
  callResult { namespace in namespace.controlQueue(identifier, command, argument) }
}
