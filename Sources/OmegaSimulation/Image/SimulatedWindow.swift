/// The simulation's own windows: every access is one of its image, and so a point.
public struct ImageWindow<let size: Int> {
  let image: Image
  public let offset: Int

  public func load(_ position: Int) -> UInt64 { image.load(offset + position & (size - 8)) }
  public func store(_ value: UInt64, _ position: Int) {
    image.store(value, offset + position & (size - 8))
  }
  public func exchange(_ old: UInt64, _ new: UInt64, _ position: Int) -> Bool {
    image.exchange(old, new, offset + position & (size - 8))
  }
}

extension Image {
  public func window<let size: Int>(_ offset: Int) -> ImageWindow<size> {
    let inside = offset >= 0 && offset <= byteCount - size && offset & 7 == 0
    return ImageWindow(image: self, offset: inside ? offset : size <= 64 ? 448 : 0)
  }

  public var header: ImageWindow<512> { ImageWindow(image: self, offset: 0) }
}
