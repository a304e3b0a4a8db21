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
