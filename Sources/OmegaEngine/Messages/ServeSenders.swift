/// What happens when a queue has room again: the receiver does the sleeping senders' work, oldest first;
/// a message that does not fit yet does not hold up those behind it (semantics B3.9).
extension Section where Object == MessageQueue {
  mutating func serveEverybody() {
    if isLive {
      if image.load(Header.needsServe) == MessageQueue.restartsReceivers { restartReceivers() }
      serveSenders()
    } else {
      dismissAll()
    }
    host.crashPoint()
    image.store(0, Header.needsServe)
  }

  private mutating func serveSenders() {
    var slot = Links(bits: image.load(Header.senders)).next
    var steps = 0
    while let sender = slot, steps < Frame.waiterCapacity {
      steps += 1
      slot = Links(bits: image.load(frame.waiter(sender) + Waiter.queueLinks)).next
      guard queue.isQueued(sender) else { continue }
      let waiter = frame.waiter(sender)
      let cell = Int(image.load(waiter + Waiter.cell) & 0xFF_FFFF)
      let size = queue.size(cell)
      guard queue.counts.fits(size, queue.queueBytes) else { continue }
      if ownerIsDead(sender) {
        Object.dequeue(&self, sender, status: WaiterStatus.free)
        commit()
        continue
      }
      if image.load(waiter + Waiter.state) != object.stateWord {
        // Permissions have changed: Linux asks again whenever it wakes a sender.
        complete(sender, .restart)
        continue
      }
      let pid = queue.waiterOwner(sender).pid
      refuseTooSmall(type: queue.type(cell), size: size)
      write(0, waiter + Waiter.cell)
      Object.dequeue(&self, sender, status: WaiterStatus.finished)
      do throws(Errno) {
        try deliver(cell, type: queue.type(cell), size: size, pid: pid)
      } catch {
        // No memory for a node: it sleeps on until there is.
        rollback()
        return
      }
      wakeFinished(sender)
    }
  }

  /// IPC_SET lets every receiver ask again whether it may (expunge_all in ipc/msg.c).
  private mutating func restartReceivers() {
    var steps = 0
    while let slot = Links(bits: image.load(Header.receivers)).next, steps < Frame.waiterCapacity {
      steps += 1
      complete(slot, .restart)
    }
    write(1, Header.needsServe)
    commit()
  }
}

extension MessageQueue {
  /// A value of `Header.needsServe`: the receivers as well.
  static var restartsReceivers: UInt64 { 2 }

  /// IPC_SET: owner, mode and msg_qbytes; lets sleepers look again.
  public func setQueue<H: Host>(
    _ host: H, uid: UInt32, gid: UInt32, mode: UInt32, queueBytes: UInt64
  ) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    section.write(UInt64(uid), Header.uid)
    section.write(UInt64(gid), Header.gid)
    section.write(UInt64(mode & 0o777), Header.mode)
    section.write(queueBytes, Header.queueBytes)
    section.write(UInt64(bitPattern: host.now()), Header.ctime)
    section.write(ObjectState.nextGeneration(stateWord), Header.state)
    section.write(MessageQueue.restartsReceivers, Header.needsServe)
    section.chooseGuardian()
    section.commit()
    section.serveEverybody()
  }
}
