import COmegaLinux
import OmegaEngine

extension Namespace {
  /// `semctl` (semctl(2)): the command's result, or a negative errno.
  ///
  /// `argument` is the fourth argument as it was passed: a number for SETVAL, a pointer for commands
  /// with a buffer, ignored by the others. Errors in Linux's order (semantics B1.4).
  @inline(__always)
  public func control(
    _ identifier: Int32, _ semaphore: Int32, _ command: Int32, _ argument: UInt
  ) -> Int32 {
    if command != Command.getValue {
      return controlSlow(identifier, semaphore, command, argument)
    }
    return unsafe fastValue(identifier, UInt(UInt32(bitPattern: semaphore))) { handle in
      if let handle = unsafe handle { unsafe leave(handle) }
      return controlSlow(identifier, semaphore, command, argument)
    }
  }

  @inline(never)
  private func controlSlow(
    _ identifier: Int32, _ semaphore: Int32, _ command: Int32, _ argument: UInt
  ) -> Int32 {
    endAbandonedSleep()
    do throws(Errno) {
      let command = command & ~Command.wide
      if identifier < 0 { throw .invalid }
      switch command {
      case Command.getValue, Command.getPid:
        return try read(identifier, Int(semaphore), command)
      case Command.getIncreaseCount, Command.getZeroCount:
        return try readCount(identifier, Int(semaphore), command)
      case Command.setValue:
        return try setValue(identifier, Int(semaphore), Int(Int32(truncatingIfNeeded: argument)))
      case Command.getAll: return try getAll(identifier, UserMemory(argument))
      case Command.setAll: return try setAll(identifier, UserMemory(argument))
      case Command.stat: return try stat(identifier, UserMemory(argument))
      case Command.semaphoreStat, Command.semaphoreStatAny:
        return try stat(index: Int(identifier) & 0x7FFF, command, UserMemory(argument))
      case Command.set: return try setOwner(identifier, UserMemory(argument))
      case Command.remove: return try remove(SemaphoreSet.self, identifier)
      case Command.info, Command.semaphoreInfo: return try info(command, UserMemory(argument))
      default: throw .invalid
      }
    } catch {
      return -error.rawValue
    }
  }

  // MARK: Single semaphores

  private func read(
    _ identifier: Int32, _ semaphore: Int, _ command: Int32
  ) throws(Errno) -> Int32 {
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    guard semaphore >= 0 && semaphore < set.layout.semaphoreCount else { throw .invalid }
    let isOurs = unsafe handle.pointee.memberPid == omega_identity().pointee.pid
    let member = isOurs ? Int(unsafe handle.pointee.member) : -1
    let word =
      if let word = set.fastRead(semaphore: semaphore, member: member) {
        word
      } else {
        try set.settledRead(LinuxHost(), semaphore: semaphore)
      }
    return command == Command.getValue ? Int32(word.value) : Int32(word.pid)
  }

  private func readCount(
    _ identifier: Int32, _ semaphore: Int, _ command: Int32
  ) throws(Errno) -> Int32 {
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    guard semaphore >= 0 && semaphore < set.layout.semaphoreCount else { throw .invalid }
    let counts = try set.sleeperCounts(LinuxHost(), semaphore: semaphore)
    return Int32(command == Command.getIncreaseCount ? counts.increase : counts.zero)
  }

  private func setValue(
    _ identifier: Int32, _ semaphore: Int, _ value: Int
  ) throws(Errno) -> Int32 {
    guard value >= 0 && value <= Limit.semaphoreValue else { throw .outOfRange }
    let handle: HandlePointer
    do throws(Errno) {
      unsafe handle = try self.handle(identifier)
    } catch  where error == .accessDenied {
      // A set that may not be opened still tells its size, and the number is checked first.
      let size = lookUp(.semaphores, index: Int(identifier) & 0x7FFF)?.size ?? 0
      throw semaphore < 0 || semaphore >= size ? .invalid : error
    }
    defer { unsafe leave(handle) }
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    guard semaphore >= 0 && semaphore < set.layout.semaphoreCount else { throw .invalid }
    try unsafe authorize(handle, Permissions.alter)
    try set.setValue(LinuxHost(), semaphore: semaphore, value: value)
    return 0
  }

  // MARK: Whole sets

  private func getAll(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    let count = set.layout.semaphoreCount
    let out = try memory.writable(2 * count)
    try set.snapshot(LinuxHost()) { set in
      for index in 0..<count { out.store(UInt16(set.word(index).value), 2 * index) }
    }
    return 0
  }

  private func setAll(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let handle = unsafe try handle(identifier)
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.alter)
    // SAFETY: the handle is entered.
    let set = unsafe handle.pointee.set
    let count = set.layout.semaphoreCount
    let values = try memory.readable(2 * count)
    for index in 0..<count where values.load(2 * index, as: UInt16.self) > Limit.semaphoreValue {
      throw .outOfRange
    }
    // Read again under the lock: a thread that changes them meanwhile gets what it asked for, cut.
    try set.setAll(LinuxHost()) { index in
      min(Int(values.load(2 * index, as: UInt16.self)), Limit.semaphoreValue)
    }
    return 0
  }

  private func setOwner(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let input = try memory.readable(Int(omega_semid_size))
    return try setOwner(
      SemaphoreSet.self, identifier, NewOwner(input),
      change: {
        (set, owner) throws(Errno) in
        try set.setPermissions(LinuxHost(), uid: owner.uid, gid: owner.gid, mode: owner.mode)
      })
  }

  // MARK: Status

  private func stat(_ identifier: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let handle: HandlePointer
    do throws(Errno) {
      unsafe handle = try self.handle(identifier)
    } catch  where error == .accessDenied {
      let index = Int(identifier) & 0x7FFF
      try Namespace.store(try readableStatus(index: index), memory)
      return 0
    }
    defer { unsafe leave(handle) }
    try unsafe authorize(handle, Permissions.read)
    // SAFETY: the handle is entered.
    let status = try unsafe handle.pointee.set.status(LinuxHost())
    try Namespace.store(status, memory)
    return 0
  }

  private func stat(
    index: Int, _ command: Int32, _ memory: UserMemory
  ) throws(Errno) -> Int32 {
    let status = try status(index: index, command)
    try Namespace.store(status, memory)
    return status.identifier
  }

  /// What SEM_STAT or SEM_STAT_ANY tell of the set at an index.
  @inline(never)
  func status(index: Int, _ command: Int32) throws(Errno) -> SetStatus {
    let status: SetStatus
    do throws(Errno) {
      let handle = unsafe try handle(index: index)
      defer { unsafe leave(handle) }
      if command == Command.semaphoreStat { try unsafe authorize(handle, Permissions.read) }
      // SAFETY: the handle is entered.
      status = try unsafe handle.pointee.set.status(LinuxHost())
    } catch  where error == .accessDenied {
      if command == Command.semaphoreStat {
        status = try readableStatus(index: index)
      } else if let known = publicSetStatus(index: index) {
        status = known
      } else {
        throw error
      }
    } catch  where error == .identifierRemoved {
      throw .invalid
    }
    // What a peer may have scribbled must not be taken for another set's, or for an errno.
    guard status.identifier >= 0 && Int(status.identifier) & 0x7FFF == index else { throw .invalid }
    return status
  }

  /// The public status of a set that may not be opened, if its permissions grant reading even so: the
  /// file has one owner and one group, the set an owner and a creator.
  private func readableStatus(index: Int) throws(Errno) -> SetStatus {
    guard let status = publicSetStatus(index: index),
      Credentials().granted(status.permissions) & Permissions.read != 0
    else { throw .accessDenied }
    return status
  }

  /// Fills a `struct semid_ds`.
  private static func store(_ status: SetStatus, _ memory: UserMemory) throws(Errno) {
    let out = try memory.writable(Int(omega_semid_size))
    out.clear(Int(omega_semid_size))
    out.store(status.permissions, key: status.key, identifier: status.identifier)
    out.store(status.otime, Int(omega_semid_otime))
    out.store(status.ctime, Int(omega_semid_ctime))
    out.store(UInt64(status.semaphoreCount), Int(omega_semid_nsems))
  }

  /// Fills a `struct seminfo`; returns the highest index in use.
  private func info(_ command: Int32, _ memory: UserMemory) throws(Errno) -> Int32 {
    let out = try memory.writable(Int(omega_seminfo_size))
    let census = census(SemaphoreSet.self)
    let limits = limits
    let inUse = command == Command.semaphoreInfo
    let fields: InlineArray<10, Int> = [
      limits.semaphoresInAll, limits.sets, limits.semaphoresInAll, limits.semaphoresInAll,
      limits.semaphoresPerSet, limits.operationsPerCall, limits.operationsPerCall,
      inUse ? census.objects : 20, Limit.semaphoreValue,
      inUse ? census.units : Limit.adjustment,
    ]
    for index in 0..<10 { out.store(Int32(clamping: fields[index]), 4 * index) }
    return Int32(census.highestIndex)
  }
}
