/// A message queue.
public struct MessageQueue: IPCObject {
  public let image: Image
  public let layout: QueueLayout
  @inlinable public var frame: Frame { layout.frame }

  public init(image: Image, layout: QueueLayout) {
    self.image = image
    self.layout = layout
  }

  /// A cell's header, or the sink for a reference that is none.
  @inline(__always)
  func cell(_ reference: Int) -> ImageWindow<64> { image.window(layout.cell(reference)) }
  @inline(__always)
  func stock(_ member: Int) -> ImageWindow<1024> { image.window(layout.stock(member)) }

  @inline(__always)
  func size(_ cell: Int) -> Int { Int(self.cell(cell).load(MessageCell.size) & 0xFFFF_FFFF) }

  /// The class of a cell, whatever a peer has scribbled there.
  @inline(__always)
  func cellClass(_ cell: Int) -> Int {
    min(Int(self.cell(cell).load(MessageCell.size) >> 56), CellClass.count - 1)
  }

  @inline(__always)
  func type(_ cell: Int) -> Int64 { Int64(bitPattern: self.cell(cell).load(MessageCell.type)) }

  /// The message behind one in the queue.
  func next(_ cell: Int) -> Int {
    Ends(bits: self.cell(cell).load(MessageCell.fifoLinks)).last
  }

  @inline(__always)
  var oldest: Int { Ends(bits: image.header.load(Header.fifo)).first }
  @inline(__always)
  var counts: Counts { Counts(bits: image.header.load(Header.counts)) }
  @inline(__always)
  var queueBytes: Int { Int(min(image.header.load(Header.queueBytes), 0xFFF_FFFF)) }

  /// A message's text.
  @inline(__always)
  func payload(_ cell: Int, _ byteCount: Int) -> ImageBytes? {
    image.bytes(layout.cell(cell) &+ MessageCell.payload, byteCount)
  }

  /// Fills in a cell that the caller owns.
  @inline(__always)
  func fill(_ cell: Int, type: Int64, size: Int, _ copy: (ImageBytes) -> Void) {
    let words = self.cell(cell)
    let number = words.load(MessageCell.size) & ~0xFF_FFFF_FFFF_FFFF
    words.store(UInt64(bitPattern: type), MessageCell.type)
    words.store(UInt64(size) | number, MessageCell.size)
    if let payload = payload(cell, size) { copy(payload) }
  }
}

extension MessageQueue {
  public static var keepsResults: Bool { true }

  public func claimMember<H: Host>(_ host: H, slot: Int) -> Bool {
    host.claim(image, layout.stock(slot), byteCount: QueueLayout.stockByteCount)
  }

  /// Nobody's end lets a sleeper of a queue go on, but that of a guardian's ward.
  public func fillWatchList<H: Host>(
    _ watch: inout WatchList, slot: Int, _ host: H
  ) -> Bool {
    false
  }

  /// A member's stock goes back into the free lists.
  public static func applyEnd<H: Host>(
    _ section: inout Section<H, MessageQueue>, of slot: Int
  ) -> EndOfMember {
    section.returnStock(of: slot)
    return .concernsNobody
  }

  public static func finishEnd<H: Host>(
    _ section: inout Section<H, MessageQueue>, _ end: EndOfMember
  ) {}

  public static func dequeue<H: Host>(
    _ section: inout Section<H, MessageQueue>, _ slot: Int, status: UInt64
  ) {
    let isSender = section.isSender(slot)
    section.dequeue(slot, queue: isSender ? Header.senders : Header.receivers, status: status)
    if status == WaiterStatus.free { section.freeCell(ofWaiter: slot) }
  }

  public static func discard<H: Host>(_ section: inout Section<H, MessageQueue>, _ slot: Int) {
    section.freeCell(ofWaiter: slot)
    section.write(WaiterStatus.free, section.frame.waiter(slot) + Waiter.status)
  }

  public static func finishWithdrawal<H: Host>(
    _ section: inout Section<H, MessageQueue>, _ slot: Int
  ) {}

  public static func serveEverybody<H: Host>(_ section: inout Section<H, MessageQueue>) {
    section.serveEverybody()
  }
}

extension Section where Object == MessageQueue {
  var queue: MessageQueue { object }
  var layout: QueueLayout { object.layout }

  func isSender(_ slot: Int) -> Bool { image.load(frame.waiter(slot) + Waiter.isSender) != 0 }
}
