import COmegaLinux
import OmegaEngine

extension Namespace {
  /// GETVAL of a semaphore that nothing else concerns; `otherwise` gets the handle if it was
  /// entered, leaves it and does the rest.
  @inline(__always)
  func fastValue(
    _ identifier: Int32, _ index: UInt, _ otherwise: (HandlePointer?) -> Int32
  ) -> Int32 {
    // SAFETY: the handle is entered; the index is compared before the cell is touched.
    guard let handle = unsafe lookedUp(identifier, SemaphoreSet.self) else {
      return otherwise(nil)
    }
    let users = unsafe Handle<SemaphoreSet>.countIn(handle)
    let image = unsafe handle.pointee.object.image
    if unsafe isHandle(handle, of: identifier) && omega_identity().pointee.pid != 0
      && handle.pointee.state == image.loadTrusted(Header.state)
      && handle.pointee.generation == omega_credentials()
      && handle.pointee.granted & Permissions.read != 0
      && index < UInt(bitPattern: handle.pointee.object.layout.semaphoreCount)
    {
      let cell = SetLayout.headerByteCount &+ 64 &* Int(bitPattern: index)
      let word = unsafe SemaphoreWord(bits: image.loadTrusted(cell))
      if word.isFree {
        let value = Int32(truncatingIfNeeded: word.value)
        unsafe Handle<SemaphoreSet>.countOut(handle, users)
        if unsafe handle.pointee.retired == 0 { return value }
        return unsafe valueOfRetired(handle, value)
      }
    }
    return unsafe otherwise(handle)
  }

  /// The set was removed meanwhile.
  @inline(never)
  private func valueOfRetired(_ handle: HandlePointer, _ value: Int32) -> Int32 {
    unsafe releaseRetired(handle)
    return value
  }

  @inline(never)
  fileprivate func otherValue(
    _ handle: HandlePointer?, _ identifier: Int32, _ semaphore: Int32
  ) -> Int32 {
    if let handle = unsafe handle { unsafe leave(handle) }
    return otherControl(identifier, semaphore, Command.getValue, 0)
  }
}

extension Namespace {
  /// GETVAL for Swift: the value or a negative errno. The parameters stand as `SemaphoreSet.rawValue`
  /// gets them, which then only has to jump here.
  @inline(never)
  public static func value(
    of semaphore: Int, in namespace: Namespace, _ identifier: Int32
  ) -> Int32 {
    unsafe namespace.fastValue(identifier, UInt(bitPattern: semaphore)) { handle in
      unsafe namespace.slowValue(handle, identifier, Int32(clamping: semaphore))
    }
  }

  @inline(never)
  private func slowValue(
    _ handle: HandlePointer?, _ identifier: Int32, _ semaphore: Int32
  ) -> Int32 {
    if let handle = unsafe handle { unsafe leave(handle) }
    return control(identifier, semaphore, Command.getValue, 0)
  }
}

/// `semctl` by the C convention (CallResult.swift).
///
/// Every way but the usual one of GETVAL ends in a call of its own, so that one has no registers to
/// save.
@inline(__always)
public func semaphoreControl(
  _ identifier: Int32, _ semaphore: Int32, _ command: Int32, _ argument: UInt
) -> Int32 {
  if command == Command.getValue, let namespace = Namespace.opened {
    return unsafe namespace.fastValue(identifier, UInt(UInt32(bitPattern: semaphore))) { handle in
      unsafe namespace.otherValue(handle, identifier, semaphore)
    }
  }
  return otherControl(identifier, semaphore, command, argument)
}

@inline(never)
private func otherControl(
  _ identifier: Int32, _ semaphore: Int32, _ command: Int32, _ argument: UInt
) -> Int32 {
  callResult { namespace in namespace.control(identifier, semaphore, command, argument) }
}
