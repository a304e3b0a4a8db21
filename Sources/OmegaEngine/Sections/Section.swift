/// A locked section of an object: the only way anything changes but what has a fast path.
///
/// A section is a series of small transactions. Within one, every word is journaled before it is
/// written (`write`), and `commit` forgets the journal; a death rolls the open transaction back, so
/// each happens wholly or not at all. Between transactions the image is consistent, and
/// `Header.needsServe` remembers that sleepers are still owed a look.
///
/// Lock order: the object's lock is the only lock of the engine.
public struct Section<H: Host, Object: IPCObject> {
  let object: Object
  let host: H
  private let token: SectionToken
  /// Entries of the open transaction, the same as `Header.journalCount`.
  var journalCount = 0
  /// Waiter slot of the guardian (`Guardian.swift`), or −1.
  var guardian = -1
  var guardianIsFinished = false
  /// Waiter slot to be woken at the end so that it watches a new holder, or −1.
  var kick = -1
  /// The last evaluation made a member a holder that was none (`Sleeping.swift`).
  var madeHolder = false
  /// Turns for which owners of calls of several operations were waited for (`FastMany.swift`).
  var ownerTurns = 0

  var image: Image { object.image }
  var frame: Frame { object.frame }

  /// Enters a section: waits for the lock, repairs what a dead owner left, settles dead members.
  ///
  /// Throws EIDRM when the lock cannot be had because the image is damaged.
  /// `dead`: see `ImageLock.acquire`.
  init(_ object: Object, _ host: H, dead: UInt32 = 0) throws(Errno) {
    self.object = object
    self.host = host
    token = host.enter()
    guard let acquired = ImageLock<H>.acquire(object.image, host, dead: dead) else {
      host.leave(token)
      throw .identifierRemoved
    }
    if acquired == .fromDead { object.closeRecord(host) }
    if acquired == .fromDead || image.load(Header.journalCount) != 0
      || image.load(Header.needsServe) != 0
    {
      recover()
    }
    settleDead()
  }

  /// Ends the section: the guardian's wake-up comes last, then the lock is free.
  mutating func close() {
    releaseGuardian()
    if kick >= 0 { host.wake(image, frame.waiter(kick) + Waiter.futex, count: 1) }
    ImageLock<H>.release(image, host)
    host.leave(token)
  }

  /// Whether the object still exists.
  var isLive: Bool { ObjectState.of(object.stateWord) == ObjectState.live }
}
