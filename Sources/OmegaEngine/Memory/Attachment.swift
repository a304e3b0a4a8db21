/// What attaching, detaching and forking do to a segment. The memory is mapped and unmapped by the caller.
extension SharedSegment {
  /// Counts an attachment that the caller has mapped; returns its member slot (`known`: where it was the
  /// last time, or −1). Throws EIDRM when the segment is gone, ENOMEM without a slot or memory for it.
  public func attach<H: Host>(_ host: H, known: Int) throws(Errno) -> Int {
    var section = try Section(self, host)
    defer { section.close() }
    guard section.isThere else { throw .identifierRemoved }
    let slot = try section.ownSlot(known)
    section.countAttachments(slot, 1)
    section.noteAttachment(Header.attachTime)
    section.commit()
    section.armIfNeeded(slot)
    return slot
  }

  /// Counts an attachment less. Returns whether the segment is to be removed now.
  public func detach<H: Host>(_ host: H, slot: Int) throws(Errno) -> SegmentFate {
    var section = try Section(self, host)
    defer { section.close() }
    if section.isOwn(slot) && image.load(frame.member(slot) + Member.attachments) != 0 {
      section.countAttachments(slot, -1)
      section.noteAttachment(Header.detachTime)
      section.commit()
    }
    return section.fate
  }

  /// The process leaves: all its attachments are gone for the others, though it still maps the memory.
  public func leave<H: Host>(_ host: H, slot: Int) throws(Errno) -> SegmentFate {
    var section = try Section(self, host)
    defer { section.close() }
    if section.isOwn(slot) && image.load(frame.member(slot) + Member.attachments) != 0 {
      section.write(0, frame.member(slot) + Member.attachments)
      section.noteAttachment(Header.detachTime)
      section.commit()
    }
    return section.fate
  }

  // MARK: Fork

  // A child has what its parent has attached, from its first moment. So the parent reserves a slot for it
  // before it forks; child and parent both give it the child's name, whoever comes first.

  /// Reserves a slot for a child with so many attachments; nil when there is none.
  public func reserveForChild<H: Host>(_ host: H, attachments: Int) -> Int? {
    guard var section = try? Section(self, host) else { return nil }
    defer { section.close() }
    // The child will have the image mapped.
    announceSharer()
    guard let slot = try? section.claimSlot() else { return nil }
    let member = frame.member(slot)
    section.write(UInt64(bitPattern: max(1, host.now())), member + Member.reservedSince)
    section.writeAttachments(UInt64(attachments), slot)
    section.noteAttachment(Header.attachTime)
    section.commit()
    return slot
  }

  /// In the child: its slot, the one that its parent `parent` has reserved for it, or another.
  public func takeOver<H: Host>(
    _ host: H, reserved: Int, parent: UInt32, attachments: Int
  ) -> Int? {
    guard var section = try? Section(self, host) else { return nil }
    defer { section.close() }
    announceSharer()
    // Marked for removal and left by all others, it is there again.
    guard section.isLive else { return nil }
    let isReserved =
      section.isReserved(reserved, by: parent) || reserved >= 0 && isMember(reserved, host)
    guard let slot = isReserved ? reserved : try? section.claimSlot() else { return nil }
    let member = frame.member(slot)
    section.write(0, member + Member.reservedSince)
    section.write(host.programNumber, member + Member.program)
    section.write(host.startTime, member + Member.startTime)
    section.write(UInt64(host.pid), member + Member.pid)
    section.writeAttachments(UInt64(attachments), slot)
    section.commit()
    section.armIfNeeded(slot)
    return slot
  }

  /// In the parent: the child's name for the slot that was reserved for it, or nobody's when there is no
  /// child. The child may have done it already.
  public func nameChild<H: Host>(
    _ host: H, reserved: Int, child: (pid: UInt32, startTime: UInt64)?
  ) -> SegmentFate {
    guard var section = try? Section(self, host) else { return .stays }
    defer { section.close() }
    guard section.isReserved(reserved, by: host.pid) else { return section.fate }
    let member = frame.member(reserved)
    section.write(0, member + Member.reservedSince)
    section.write(child.map { $0.startTime } ?? 0, member + Member.startTime)
    section.write(UInt64(child.map { $0.pid } ?? 0), member + Member.pid)
    if child == nil {
      section.write(0, member + Member.attachments)
      section.write(0, member + Member.program)
    }
    section.commit()
    return section.fate
  }

  /// Whether the slot still has to be given its name, as far as can be seen without the lock.
  public func isNameless<H: Host>(_ host: H, reserved: Int) -> Bool {
    memberPid(reserved) == host.pid
      && image.load(frame.member(reserved) + Member.reservedSince) != 0
  }

  /// Attachments of everybody who is a member.
  var attachmentCount: Int {
    var count: UInt64 = 0
    for slot in 0..<memberHigh where memberPid(slot) != 0 {
      count &+= image.load(frame.member(slot) + Member.attachments) & 0xFFFF_FFFF
    }
    return Int(truncatingIfNeeded: count & 0xFFFF_FFFF_FFFF)
  }

  public var isDoomed: Bool { image.load(Header.segmentFlags) & SegmentFlag.doomed != 0 }
}

/// Whether a segment outlives a change.
public enum SegmentFate: Sendable {
  case stays
  /// It was marked for removal, and nobody has it attached any more.
  case ends
}

extension Section where Object == SharedSegment {
  /// Not marked for removal and left by all: such a segment is gone, whoever takes its names away.
  var isThere: Bool { isLive && fate == .stays }

  var fate: SegmentFate {
    object.isDoomed && object.attachmentCount == 0 ? .ends : .stays
  }

  fileprivate func isOwn(_ slot: Int) -> Bool {
    slot >= 0 && object.isMember(slot, host)
      && image.load(frame.member(slot) + Member.program) == host.programNumber
      && image.load(frame.member(slot) + Member.reservedSince) == 0
  }

  fileprivate func isReserved(_ slot: Int, by pid: UInt32) -> Bool {
    slot >= 0 && object.memberPid(slot) == pid
      && image.load(frame.member(slot) + Member.reservedSince) != 0
      && image.load(frame.member(slot) + Member.program) == host.programNumber
  }

  fileprivate mutating func ownSlot(_ known: Int) throws(Errno) -> Int {
    if isOwn(known) { return known }
    let slot = try claimSlot()
    commit()
    return slot
  }

  /// A free slot for the caller, within the open transaction. Never one that it has already: another
  /// program of the process may use it, from before an exec or in another library.
  fileprivate mutating func claimSlot() throws(Errno) -> Int {
    let slot = try claimFreeMember()
    write(0, frame.member(slot) + Member.reservedSince)
    write(host.programNumber, frame.member(slot) + Member.program)
    return slot
  }

  fileprivate mutating func countAttachments(_ slot: Int, _ change: Int) {
    let old = image.load(frame.member(slot) + Member.attachments)
    let count = old &+ UInt64(bitPattern: Int64(change))
    if old == 0 {
      writeAttachments(count, slot)
    } else {
      write(
        Member.attachments(count, since: old >> 32), frame.member(slot) + Member.attachments)
    }
  }

  /// A process's attachments, of which it had none.
  fileprivate mutating func writeAttachments(_ count: UInt64, _ slot: Int) {
    let since = UInt64(bitPattern: host.now()) & 0xFFFF_FFFF
    write(Member.attachments(count, since: since), frame.member(slot) + Member.attachments)
  }

  /// Who did it last, and when.
  fileprivate mutating func noteAttachment(_ time: Int) {
    write(UInt64(bitPattern: host.now()), time)
    write(UInt64(host.pid), Header.lastPid)
  }

  fileprivate func armIfNeeded(_ slot: Int) {
    if needsArming(slot) { _ = host.arm(image, frame.member(slot)) }
  }
}
