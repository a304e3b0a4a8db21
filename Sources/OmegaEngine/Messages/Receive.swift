/// Receiving through the lock.
extension MessageQueue {
  /// msgrcv up to its end or its sleep. `copy` gets the type and the bytes.
  ///
  /// The caller has checked that it may read. Throws ENOMSG, E2BIG, EIDRM or ENOMEM.
  public func receive<H: Host>(
    _ host: H, member: Int, request: MessageRequest, patience: Patience,
    copy: (Int64, ImageBytes) -> Void
  ) throws(Errno) -> Operated {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    let cell = request.select(self)
    if cell == 0 {
      if patience == .none { throw .noMessage }
      guard member >= 0 else { throw .noMemory }
      return .asleep(slot: try section.enqueueReceiver(request, member: member))
    }
    let size = size(cell)
    if size > request.capacity && !request.cuts { throw .argumentListTooLong }
    try copyOut(cell, min(size, request.capacity), copy)
    let mayServe = image.load(Header.senders) != 0
    if mayServe {
      section.write(1, Header.needsServe)
      section.chooseGuardian()
    }
    let nodes = unlink(cell, size: size, &section)
    section.freeCell(cell)
    section.freeNodes(nodes)
    stamp(Header.lastReceive, pid: host.pid, time: host.now(), &section)
    section.commit()
    if mayServe { section.serveEverybody() }
    return .done
  }

  /// MSG_COPY: the message at a position, which stays. Throws ENOMSG, E2BIG, EINVAL or EIDRM.
  public func peek<H: Host>(
    _ host: H, position: Int64, request: MessageRequest,
    copy: (Int64, ImageBytes) -> Void
  ) throws(Errno) {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isLive else { throw .identifierRemoved }
    guard position >= 0 && position < counts.messages else { throw .noMessage }
    var cell = oldest
    for _ in 0..<position { cell = next(cell) }
    guard cell != 0 else { throw .noMessage }
    let size = size(cell)
    if size > request.capacity && !request.cuts { throw .argumentListTooLong }
    // Linux does not cut a copy, whatever MSG_NOERROR says (copy_msg in ipc/msgutil.c).
    if size > request.capacity { throw .invalid }
    try copyOut(cell, size, copy)
  }

  /// What was handed over to the sleeper in `slot`, whose call has succeeded. Then `release` it.
  public func collect(
    slot: Int, request: MessageRequest, copy: (Int64, ImageBytes) -> Void
  ) throws(Errno) {
    let cell = Int(image.load(frame.waiter(slot) + Waiter.cell) & 0xFF_FFFF)
    guard cell != 0 else { throw .identifierRemoved }
    try copyOut(cell, min(size(cell), request.capacity), copy)
  }

  private func copyOut(
    _ cell: Int, _ count: Int, _ copy: (Int64, ImageBytes) -> Void
  ) throws(Errno) {
    // Damage is EIDRM.
    guard let payload = payload(cell, count) else {
      throw .identifierRemoved
    }
    copy(type(cell), payload)
  }
}

extension Section where Object == MessageQueue {
  fileprivate mutating func enqueueReceiver(
    _ request: MessageRequest, member: Int
  ) throws(Errno) -> Int {
    guard let slot = freeWaiter(below: Frame.waiterCapacity) else { throw .noMemory }
    let waiter = frame.waiter(slot)
    let sequence = image.load(Header.enqueueSequence) &+ 1
    prepareWaiter(slot, pid: host.pid, member: member, sequence: sequence)
    image.store(0, waiter + Waiter.isSender)
    image.store(0, waiter + Waiter.cell)
    image.store(UInt64(bitPattern: request.type), waiter + Waiter.wantedType)
    image.store(request.flags, waiter + Waiter.flags)
    image.store(UInt64(request.capacity), waiter + Waiter.capacity)
    enqueue(slot, queue: Header.receivers, sequence: sequence)
    commit()
    return slot
  }

  func request(ofWaiter slot: Int) -> MessageRequest {
    let waiter = frame.waiter(slot)
    return MessageRequest(
      flags: image.load(waiter + Waiter.flags), type: image.load(waiter + Waiter.wantedType),
      capacity: image.load(waiter + Waiter.capacity))
  }
}
