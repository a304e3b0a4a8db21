/// A memory segment: who has attached it and when. The engine never looks at the memory itself.
public struct SharedSegment: IPCObject {
  public let image: Image
  public let layout: SegmentLayout
  public var frame: Frame { layout.frame }

  public init(image: Image, layout: SegmentLayout) {
    self.image = image
    self.layout = layout
  }
}

extension SharedSegment {
  public func claimMember<H: Host>(_ host: H, slot: Int) -> Bool { true }

  /// Seconds after which nobody waits any more for a child that was to take over its slot: one whose parent
  /// lives may be stopped.
  static var patience: Int64 { 5 }
  static var shortPatience: Int64 { 1 }

  /// A member may also have left the segment though its process lives: by exec, or as a child that was
  /// never born.
  public func isDead<H: Host>(_ slot: Int, _ host: H) -> Bool {
    guard isSuspect(slot) else { return false }
    let member = frame.member(slot)
    let reserved = Int64(bitPattern: image.load(member + Member.reservedSince))
    if reserved != 0 {
      // Also when its parent has ended: daemon() forks and ends at once.
      if host.now() <= reserved &+ SharedSegment.shortPatience { return false }
      return host.now() > reserved &+ SharedSegment.patience || processHasEnded(slot, host)
    }
    let pid = memberPid(slot)
    if pid == host.pid && image.load(member + Member.program) == host.programNumber {
      return !host.isOwnStart(image.load(member + Member.startTime))
    }
    let life = image.load32(member + Member.life)
    if vouches(life) && host.threadExists(life & Futex.ownerMask) { return false }
    if processHasEnded(slot, host) || image.load(member + Member.attachments) == 0 { return true }
    return host.hasUnmapped(image, pid: pid, life: life)
  }

  // What follows concerns sleepers, of which a segment has none.
  public func fillWatchList<H: Host>(_ watch: inout WatchList, slot: Int, _ host: H) -> Bool {
    false
  }
  public static func dequeue<H: Host>(
    _ section: inout Section<H, SharedSegment>, _ slot: Int, status: UInt64
  ) {}
  public static func discard<H: Host>(_ section: inout Section<H, SharedSegment>, _ slot: Int) {}
  public static func finishWithdrawal<H: Host>(
    _ section: inout Section<H, SharedSegment>, _ slot: Int
  ) {}
  public static func serveEverybody<H: Host>(_ section: inout Section<H, SharedSegment>) {
    section.write(0, Header.needsServe)
    section.commit()
  }

  /// The end of a process detaches what it had attached (shm_close in ipc/shm.c).
  public static func applyEnd<H: Host>(
    _ section: inout Section<H, SharedSegment>, of slot: Int
  ) -> EndOfMember {
    let member = section.frame.member(slot)
    if section.image.load(member + Member.reservedSince) != 0 {
      section.write(0, member + Member.reservedSince)
    } else if section.image.load(member + Member.attachments) != 0 {
      section.write(UInt64(bitPattern: section.host.now()), Header.detachTime)
      section.write(UInt64(section.object.memberPid(slot)), Header.lastPid)
    }
    section.write(0, member + Member.program)
    return .concernsNobody
  }
  public static func finishEnd<H: Host>(
    _ section: inout Section<H, SharedSegment>, _ end: EndOfMember
  ) {}
}
