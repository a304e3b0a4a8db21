import OmegaEngine

extension MessageQueue: StoredObject {
  static var kind: ObjectKind { .queues }
  static var magic: UInt64 { QueueLayout.magic }
  static var version: UInt64 { QueueLayout.version }

  init(image: Image, size: Int) { self.init(image: image, layout: QueueLayout(size: size)) }

  static func imageByteCount(size: Int) -> Int { QueueLayout(size: size).frame.byteCount }
  static func fileByteCount(size: Int) -> Int { QueueLayout(size: size).frame.byteCount }
  /// The first page: the header and the first journal entries.
  static func claimedAtCreation(size: Int) -> Int { 4096 }
  static func journalEntriesAtCreation(size: Int) -> Int { (4096 - Frame.headerByteCount) / 16 }
  static func units(size: Int) -> Int { 0 }

  static func fill(_ header: inout NewHeader, size: Int, _ namespace: Namespace) {
    header[Header.queueBytes] = UInt64(namespace.limits.queueBytes)
  }
}
