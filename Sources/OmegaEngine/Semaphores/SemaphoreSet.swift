/// A semaphore set.
public struct SemaphoreSet: IPCObject {
  public let image: Image
  public let layout: SetLayout
  @inlinable public var frame: Frame { layout.frame }

  @inlinable public init(image: Image, layout: SetLayout) {
    self.image = image
    self.layout = layout
  }

  @inlinable @inline(__always)
  public func word(_ semaphore: Int) -> SemaphoreWord {
    SemaphoreWord(bits: image.load(layout.cell(semaphore)))
  }

  @inlinable @inline(__always)
  func exchange(_ semaphore: Int, _ old: SemaphoreWord, _ new: SemaphoreWord) -> Bool {
    image.exchange(old.bits, new.bits, layout.cell(semaphore))
  }

  @inlinable @inline(__always)
  func undoEpoch(_ semaphore: Int) -> UInt64 {
    image.load(layout.cell(semaphore) &+ Cell.undoEpoch)
  }

  /// A member's adjustment, wherever it stands.
  @inlinable
  public func adjustmentAmount(member: Int, semaphore: Int) -> Int {
    let word = word(semaphore)
    if word.isSolo { return word.soloMember == member ? word.soloAmount : 0 }
    return Adjustment(bits: image.load(layout.adjustment(member, semaphore)))
      .amount(epoch: undoEpoch(semaphore))
  }
}

extension SemaphoreSet {
  public func claimMember<H: Host>(_ host: H, slot: Int) -> Bool {
    host.claim(image, layout.descriptor(slot), byteCount: Descriptor.byteCount)
      && host.claim(image, layout.adjustment(slot, 0), byteCount: 8 * layout.semaphoreCount)
  }
}

extension Section where Object == SemaphoreSet {
  var set: SemaphoreSet { object }
  var layout: SetLayout { object.layout }
}
