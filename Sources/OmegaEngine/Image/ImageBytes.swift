/// A stretch of bytes of an image that are no shared words: a message's text. What stands there may
/// change under its reader's eyes.
@safe
public struct ImageBytes {
  // SAFETY: made by an image of a stretch inside its mapping, and used while that is mapped.
  @unsafe public let address: UnsafeMutableRawPointer
  public let byteCount: Int

  @unsafe @inlinable
  public init(address: UnsafeMutableRawPointer, byteCount: Int) {
    unsafe self.address = address
    self.byteCount = byteCount
  }
}
