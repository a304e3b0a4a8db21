import COmegaLinux
import OmegaEngine

extension Namespace {
  /// `semget` (semget(2)): the identifier, or a negative errno.
  public func getSet(key: Int32, semaphoreCount: Int32, flags: Int32) -> Int32 {
    do throws(Errno) {
      return try get(key: key, count: Int(semaphoreCount), flags: flags)
    } catch {
      return -error.rawValue
    }
  }

  private func get(key: Int32, count: Int, flags: Int32) throws(Errno) -> Int32 {
    if count < 0 || count > limits.semaphoresPerSet { throw .invalid }
    let mode = UInt32(bitPattern: flags) & 0o777
    return try get(SemaphoreSet.self, key: key, size: count, flags: flags) { () throws(Errno) in
      if count == 0 { throw .invalid }
      return try create(key: key, semaphoreCount: count, mode: mode)
    }
  }
}
