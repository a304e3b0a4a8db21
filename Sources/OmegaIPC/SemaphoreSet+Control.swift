internal import OmegaEngine
internal import OmegaLinux

extension SemaphoreSet {
  // MARK: Values

  /// A semaphore's value, 0…32767. Needs permission to read.
  ///
  /// - Throws: EINVAL when there is no such set or semaphore, EACCES without the permission.
  ///
  /// The corresponding C function is `semctl` with `GETVAL`.
  @inlinable
  public func value(of semaphore: Int = 0) throws(IPCError) -> Int {
    let result = rawValue(of: semaphore)
    if result < 0 { try fail(.read, result, semaphore) }
    return Int(result)
  }

  /// The value or a negative errno.
  @usableFromInline
  func rawValue(of semaphore: Int) -> Int32 {
    OmegaLinux.Namespace.value(of: semaphore, in: namespace.host, identifier)
  }

  /// Sets a semaphore's value, 0…32767; what processes would undo of it is forgotten. Needs
  /// permission to alter.
  ///
  /// - Throws: ERANGE for another value; else as ``value(of:)``.
  ///
  /// The corresponding C function is `semctl` with `SETVAL`.
  public func setValue(_ value: Int, of semaphore: Int = 0) throws(IPCError) {
    let value = UInt(bitPattern: Int(Int32(clamping: value)))
    _ = try control(.setValue, semaphore, Command.setValue, value)
  }

  /// All values, at one instant. Needs permission to read.
  ///
  /// - Throws: as ``value(of:)``.
  ///
  /// The corresponding C function is `semctl` with `GETALL`.
  public func values() throws(IPCError) -> [Int] {
    do throws(OmegaLinuxErrno) {
      var values = [Int](
        repeating: 0, count: try namespace.host.semaphoreCount(identifier))
      try namespace.host.readAll(identifier) { index, word in
        if index < values.count { values[index] = word.value }
      }
      return values
    } catch {
      throw failure(.read, error.rawValue)
    }
  }

  /// Sets all values at once; what processes would undo of them is forgotten. Needs permission to
  /// alter.
  ///
  /// - Throws: EINVAL when the number of values is not that of the semaphores, ERANGE for one that
  ///   is not 0…32767; else as ``value(of:)``.
  ///
  /// The corresponding C function is `semctl` with `SETALL`.
  public func setAll(_ values: [Int]) throws(IPCError) {
    do throws(OmegaLinuxErrno) {
      try namespace.host.writeAll(identifier, count: values.count) { values[$0] }
    } catch {
      throw failure(.setAll, error.rawValue)
    }
  }

  // MARK: Who

  /// The process that changed a semaphore last, 0 for none. Needs permission to read.
  ///
  /// The corresponding C function is `semctl` with `GETPID`.
  public func lastProcess(of semaphore: Int = 0) throws(IPCError) -> Int32 {
    try control(.read, semaphore, Command.getPid)
  }

  /// The number of calls that wait for a semaphore to be released. Needs permission to read.
  ///
  /// The corresponding C function is `semctl` with `GETNCNT`.
  public func waitingToAcquire(_ semaphore: Int = 0) throws(IPCError) -> Int {
    Int(try control(.read, semaphore, Command.getIncreaseCount))
  }

  /// The number of calls that wait for a semaphore to become 0. Needs permission to read.
  ///
  /// The corresponding C function is `semctl` with `GETZCNT`.
  public func waitingForZero(_ semaphore: Int = 0) throws(IPCError) -> Int {
    Int(try control(.read, semaphore, Command.getZeroCount))
  }

  // MARK: The set

  /// The number of semaphores. Throws EINVAL when there is no such set, EACCES when it may not be
  /// opened.
  public func semaphoreCount() throws(IPCError) -> Int {
    do throws(OmegaLinuxErrno) {
      return try namespace.host.semaphoreCount(identifier)
    } catch {
      throw failure(.read, error.rawValue)
    }
  }

  /// Key, owner, mode, size and times. Needs permission to read.
  ///
  /// The corresponding C function is `semctl` with `IPC_STAT`.
  public func status() throws(IPCError) -> SemaphoreSetStatus {
    do throws(OmegaLinuxErrno) {
      return SemaphoreSetStatus(try namespace.host.status(identifier))
    } catch {
      throw failure(.read, error.rawValue)
    }
  }

  /// Gives the set another owner, group and mode; nil leaves as it is. Only for its owner, its
  /// creator and administrators.
  ///
  /// - Parameters:
  ///   - owner: A user id.
  ///   - group: A group id.
  ///   - mode: The low nine bits of a file mode: who may read (4) and alter (2).
  ///
  /// - Throws: EPERM for others; EACCES when something is to be left as it is and may not be read.
  ///
  /// The corresponding C function is `semctl` with `IPC_SET`.
  public func setPermissions(
    owner: UInt32? = nil, group: UInt32? = nil, mode: UInt32? = nil
  ) throws(IPCError) {
    var (uid, gid, bits) = (owner ?? 0, group ?? 0, mode ?? 0)
    if owner == nil || group == nil || mode == nil {
      do throws(OmegaLinuxErrno) {
        let now = try namespace.host.status(identifier).permissions
        (uid, gid, bits) = (owner ?? now.uid, group ?? now.gid, mode ?? now.mode)
      } catch {
        throw failure(.setPermissions, error.rawValue)
      }
    }
    let result = namespace.host.setOwner(identifier, uid: uid, gid: gid, mode: bits)
    if result < 0 { throw failure(.setPermissions, -result) }
  }

  /// Removes the set; who waits in it gets EIDRM. Only for its owner, its creator and
  /// administrators.
  ///
  /// - Throws: EPERM for others, EINVAL when there is no such set.
  ///
  /// The corresponding C function is `semctl` with `IPC_RMID`.
  public func remove() throws(IPCError) {
    let result = namespace.host.control(identifier, 0, Command.remove, 0)
    if result < 0 { throw failure(.remove, -result) }
  }

  private func control(
    _ action: IPCError.Action, _ semaphore: Int, _ command: Int32, _ argument: UInt = 0
  ) throws(IPCError) -> Int32 {
    let result = namespace.host.control(
      identifier, Int32(clamping: semaphore), command, argument)
    if result < 0 { throw failure(action, -result, semaphore) }
    return result
  }
}
