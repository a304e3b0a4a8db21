import OmegaEngine

/// The tables of `/proc/sysvipc`: a header and a line for each object, by ascending index. Everybody
/// sees every object. Headers and widths are the kernel's, byte by byte (`sysvipc_sem_proc_show` and its
/// like in ipc/sem.c, ipc/msg.c, ipc/shm.c); programs read the columns in this order.
extension Namespace {
  func writeSemaphores(_ text: inout ProcText) {
    text.add(
      "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n")
    guard let indices = IndicesInUse(self, .semaphores) else { return text.fail(.noMemory) }
    indices.visit { index in
      // Gone meanwhile, or not to be opened and without a public status.
      guard let status = try? status(index: index, Command.semaphoreStatAny) else { return }
      text.addObject(status.key, status.identifier, status.permissions)
      text.add(UInt(clamping: status.semaphoreCount), width: 11)
      text.addOwners(status.permissions)
      text.add(seconds: status.otime)
      text.add(seconds: status.ctime)
      text.add("\n")
    }
  }

  func writeMessages(_ text: inout ProcText) {
    text.add("       key      msqid perms      cbytes       qnum lspid lrpid")
    text.add("   uid   gid  cuid  cgid      stime      rtime      ctime\n")
    guard let indices = IndicesInUse(self, .queues) else { return text.fail(.noMemory) }
    indices.visit { index in
      guard let status = try? queueStatus(index: index, MessageCommand.statAny) else { return }
      text.addObject(status.key, status.identifier, status.permissions)
      // Clamped: of a damaged queue the numbers may be anything.
      text.add(UInt(clamping: status.bytes), width: 12)
      text.add(UInt(clamping: status.messages), width: 11)
      text.add(UInt(status.lastSender), width: 6)
      text.add(UInt(status.lastReceiver), width: 6)
      text.addOwners(status.permissions)
      text.add(seconds: status.stime)
      text.add(seconds: status.rtime)
      text.add(seconds: status.ctime)
      text.add("\n")
    }
  }

  func writeMemory(_ text: inout ProcText) {
    text.add("       key      shmid perms                  size  cpid  lpid nattch")
    text.add("   uid   gid  cuid  cgid      atime      dtime      ctime")
    text.add("                   rss                  swap\n")
    guard let indices = IndicesInUse(self, .segments) else { return text.fail(.noMemory) }
    indices.visit { index in
      guard let status = try? segmentStatus(index: index, checksRead: false) else { return }
      var permissions = status.permissions
      permissions.mode |= status.flags
      text.addObject(status.key, status.identifier, permissions)
      text.add(UInt(clamping: status.byteCount), width: 22)
      text.add(UInt(status.creatorPid), width: 6)
      text.add(UInt(status.lastPid), width: 6)
      text.add(UInt(clamping: status.attachments), width: 7)
      text.addOwners(permissions)
      text.add(seconds: status.attachTime)
      text.add(seconds: status.detachTime)
      text.add(seconds: status.ctime)
      let pages = residentPages(index: index)
      text.add(UInt(clamping: pages * SegmentLayout.pageByteCount), width: 22)
      text.add(0, width: 22)
      text.add("\n")
    }
  }
}

extension ProcText {
  /// The columns with which every line begins.
  @inline(never)
  mutating func addObject(_ key: Int32, _ identifier: Int32, _ permissions: Permissions) {
    add(Int(key), width: 10)
    add(UInt(clamping: identifier), width: 11)
    add(UInt(permissions.mode), width: 6, radix: 8)
  }

  @inline(never)
  mutating func addOwners(_ permissions: Permissions) {
    add(UInt(permissions.uid), width: 6)
    add(UInt(permissions.gid), width: 6)
    add(UInt(permissions.cuid), width: 6)
    add(UInt(permissions.cgid), width: 6)
  }

  mutating func add(seconds: Int64) { add(UInt(bitPattern: Int(seconds)), width: 11) }
}
