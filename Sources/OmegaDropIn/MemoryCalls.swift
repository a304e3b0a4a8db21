import OmegaLinux

// The System V shared memory calls under their own names. Addresses are passed as numbers: OmegaLinux maps
// and unmaps there, and reads nothing.

@c(shmget)
public func shmget(_ key: Int32, _ byteCount: UInt, _ flags: Int32) -> Int32 {
  callResult { namespace in
    namespace.getSegment(key: key, byteCount: byteCount, flags: flags)
  }
}

@c(shmat)
public func shmat(_ identifier: Int32, _ address: UInt, _ flags: Int32) -> Int {
  longResult { namespace in namespace.attachSegment(identifier, address, flags) }
}

@c(shmdt)
public func shmdt(_ address: UInt) -> Int32 {
  callResult { Namespace.detachSegment(address) }
}

@c(shmctl)
public func shmctl(_ identifier: Int32, _ command: Int32, _ argument: UInt) -> Int32 {
  callResult { namespace in namespace.controlSegment(identifier, command, argument) }
}

// Around `fork`, see wrappers.c.

@c(omega_dropin_will_fork)
public func willFork() { Namespace.willFork() }

@c(omega_dropin_did_fork)
public func didFork(_ child: Int32) { Namespace.didFork(UInt32(max(0, child))) }
