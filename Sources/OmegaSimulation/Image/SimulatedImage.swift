/// The simulation's own `Image`, in place of the engine's (`Package.swift` leaves that file out).
///
/// Same interface and the same memory, but every access is a *point*: the scheduler may run another
/// thread, or end this process, right before it. So the lock-free paths, which never call the host,
/// are interleaved and interrupted as finely as the locked ones, and production code knows nothing
/// of it. A simulated thread runs alone, so plain memory behaves as sequentially consistent memory.
@safe
public struct Image {
  // SAFETY: the world owns the memory and outlives every image made of it.
  private let base: UnsafeMutableRawPointer
  public let byteCount: Int
  let world: World

  /// Long enough to see a change, and short, for every load is a point.
  static var shortWait: Int { 2 }

  @unsafe
  init(base: UnsafeMutableRawPointer, byteCount: Int, world: World) {
    unsafe self.base = base
    self.byteCount = byteCount
    self.world = world
  }

  public func load(_ offset: Int) -> UInt64 {
    world.before(.load, offset)
    let value = peek(offset)
    world.observe(value)
    return value
  }

  public func store(_ value: UInt64, _ offset: Int) {
    world.before(.store, offset)
    if world.swallows(value, offset) { return }
    poke(value, offset)
  }

  public func exchange(_ old: UInt64, _ new: UInt64, _ offset: Int) -> Bool {
    world.before(.exchange, offset)
    let success = peek(offset) == old
    if success && !world.swallows(new, offset) { poke(new, offset) }
    world.observe(success ? 1 : 0)
    return success
  }

  public func bytes(_ offset: Int, _ byteCount: Int) -> ImageBytes? {
    let inside = offset >= 0 && byteCount >= 0 && offset <= self.byteCount - byteCount
    // SAFETY: inside the world's memory.
    return inside ? unsafe ImageBytes(address: base + offset, byteCount: byteCount) : nil
  }

  public func load32(_ offset: Int) -> UInt32 {
    world.before(.load, offset)
    let value = peek32(offset)
    world.observe(UInt64(value))
    return value
  }

  public func store32(_ value: UInt32, _ offset: Int) {
    world.before(.store, offset)
    if world.swallows(UInt64(value), offset) { return }
    poke32(value, offset)
  }

  public func exchange32(_ old: UInt32, _ new: UInt32, _ offset: Int) -> Bool {
    world.before(.exchange, offset)
    let success = peek32(offset) == old
    if success && !world.swallows(UInt64(new), offset) { poke32(new, offset) }
    world.observe(success ? 1 : 0)
    return success
  }

  public func swap32(_ new: UInt32, _ offset: Int) -> UInt32 {
    world.before(.exchange, offset)
    let old = peek32(offset)
    if !world.swallows(UInt64(new), offset) { poke32(new, offset) }
    world.observe(UInt64(old))
    return old
  }
}

/// The engine's fast paths skip the bounds check; here everything is checked.
extension Image {
  @unsafe public func loadTrusted(_ offset: Int) -> UInt64 { load(offset) }
  @unsafe public func storeTrusted(_ value: UInt64, _ offset: Int) { store(value, offset) }
  @unsafe public func loadTrusted32(_ offset: Int) -> UInt32 { load32(offset) }
  @unsafe public func exchangeTrusted(_ old: UInt64, _ new: UInt64, _ offset: Int) -> Bool {
    exchange(old, new, offset)
  }
}

/// Access by the scheduler, the simulated kernel and the checkers: no points.
extension Image {
  func peek(_ offset: Int) -> UInt64 {
    check(offset, size: 8)
    // SAFETY: checked above.
    return unsafe base.load(fromByteOffset: offset, as: UInt64.self)
  }

  func poke(_ value: UInt64, _ offset: Int) {
    check(offset, size: 8)
    // SAFETY: checked above.
    unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
  }

  func peek32(_ offset: Int) -> UInt32 {
    check(offset, size: 4)
    // SAFETY: checked above.
    return unsafe base.load(fromByteOffset: offset, as: UInt32.self)
  }

  func poke32(_ value: UInt32, _ offset: Int) {
    check(offset, size: 4)
    // SAFETY: checked above.
    unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
  }

  /// An undamaged image never leads outside itself, so here that is a bug of the engine.
  private func check(_ offset: Int, size: Int) {
    precondition(
      offset >= 0 && offset <= byteCount - size && offset & (size - 1) == 0,
      "the engine reached outside the image: \(offset)")
  }
}

/// The text of a simulated message: its number in the first eight bytes, then bytes made of that.
extension ImageBytes {
  func fill(message: UInt64) {
    for index in 0..<byteCount {
      // SAFETY: inside the world's memory, as every stretch that an image gives.
      unsafe address.storeBytes(
        of: ImageBytes.byte(index, of: message), toByteOffset: index, as: UInt8.self)
    }
  }

  /// The number, as far as there is room for it, and whether all that follows belongs to it.
  var message: (number: UInt64, isWhole: Bool) {
    var number: UInt64 = 0
    for index in 0..<min(byteCount, 8) { number |= UInt64(byte(index)) << UInt64(8 * index) }
    let isWhole = (0..<byteCount).allSatisfy { byte($0) == ImageBytes.byte($0, of: number) }
    return (number, isWhole)
  }

  private func byte(_ index: Int) -> UInt8 {
    // SAFETY: as in `fill`.
    unsafe address.load(fromByteOffset: index, as: UInt8.self)
  }

  private static func byte(_ index: Int, of message: UInt64) -> UInt8 {
    index < 8
      ? UInt8(truncatingIfNeeded: message >> UInt64(8 * index))
      : UInt8(truncatingIfNeeded: message &* 37 &+ UInt64(index))
  }
}
