import COmegaLinux
import OmegaEngine

/// Runs a call in the namespace of the environment and returns by the C convention: its result, or −1
/// with errno set. For the C entry points, of the drop-in and of the C library alike.
@inline(__always)
public func callResult(_ call: (Namespace) -> Int32) -> Int32 {
  let value: Int32
  do {
    value = call(try Namespace.ofEnvironment())
  } catch {
    value = -error.rawValue
  }
  if value >= 0 { return value }
  omega_set_errno(-value)
  return -1
}

/// The same for a call whose result is a number of bytes or an address.
@inline(__always)
public func longResult(_ call: (Namespace) -> Int) -> Int {
  let value: Int
  do {
    value = call(try Namespace.ofEnvironment())
  } catch {
    value = -Int(error.rawValue)
  }
  if value >= 0 || value < -4095 { return value }
  omega_set_errno(Int32(-value))
  return -1
}

/// The same for a call that needs no namespace.
@inline(__always)
public func callResult(_ call: () -> Int32) -> Int32 {
  let value = call()
  if value >= 0 { return value }
  omega_set_errno(-value)
  return -1
}
