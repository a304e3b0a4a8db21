import OmegaLinux

// The System V shared memory calls under `omega_` names.

@c(omega_shmget)
public func shmget(_ key: Int32, _ byteCount: UInt, _ flags: Int32) -> Int32 {
  callResult { namespace in
    namespace.getSegment(key: key, byteCount: byteCount, flags: flags)
  }
}

@c(omega_shmat)
public func shmat(_ identifier: Int32, _ address: UInt, _ flags: Int32) -> Int {
  longResult { namespace in namespace.attachSegment(identifier, address, flags) }
}

@c(omega_shmdt)
public func shmdt(_ address: UInt) -> Int32 {
  callResult { Namespace.detachSegment(address) }
}

@c(omega_shmctl)
public func shmctl(_ identifier: Int32, _ command: Int32, _ argument: UInt) -> Int32 {
  callResult { namespace in namespace.controlSegment(identifier, command, argument) }
}
