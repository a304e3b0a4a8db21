internal import OmegaLinux

/// A segment's memory, attached for reading and writing; detached when the value is not used any more, which
/// can be before the end of its scope.
///
/// Other processes read and write the same bytes at the same time. Where that matters, agree with them
/// by a ``SemaphoreSet`` on who may, and take a span only meanwhile.
@safe
public struct SharedMemory: ~Copyable, @unchecked Sendable {
  // SAFETY: mapped from `address` on for `byteCount` bytes up to `deinit`, whoever removes the segment.
  // Nothing here is changed after that, hence Sendable.
  private let address: UnsafeMutableRawPointer
  /// The size of the segment in bytes.
  public let byteCount: Int
  /// The segment.
  public let segment: MemorySegment

  @unsafe
  init(address: UInt, byteCount: Int, segment: MemorySegment) {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
      preconditionFailure("nothing is attached at address 0")
    }
    unsafe self.address = pointer
    self.byteCount = byteCount
    self.segment = segment
  }

  deinit { _ = OmegaLinux.Namespace.detachSegment(UInt(bitPattern: unsafe address)) }

  /// The bytes, for reading.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // SAFETY: see `address`; every byte is initialised.
      let span = unsafe Span<UInt8>(
        _unsafeStart: UnsafePointer(address.assumingMemoryBound(to: UInt8.self)), count: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The bytes, for reading and writing.
  public var mutableBytes: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      // SAFETY: as above.
      let span = unsafe MutableSpan<UInt8>(
        _unsafeStart: address.assumingMemoryBound(to: UInt8.self), count: byteCount)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }

  /// As many values as the memory has room for, for reading.
  ///
  /// Whatever bytes stand there are taken as values. That is safe where every pattern of bits is one, as
  /// of integers, floating-point numbers and structures of these; not of `Bool`, enumerations and
  /// pointers, unless you trust all who may alter the segment.
  @unsafe @_lifetime(borrow self)
  public borrowing func span<Value: BitwiseCopyable>(of value: Value.Type) -> Span<Value> {
    // SAFETY: a segment begins at a page's border, which every type is aligned to; the rest says the caller.
    let span = unsafe Span<Value>(
      _unsafeStart: UnsafePointer(address.assumingMemoryBound(to: value)),
      count: byteCount / MemoryLayout<Value>.stride)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// As ``span(of:)``, for reading and writing.
  @unsafe @_lifetime(&self)
  public mutating func mutableSpan<Value: BitwiseCopyable>(
    of value: Value.Type
  ) -> MutableSpan<Value> {
    // SAFETY: as above.
    let span = unsafe MutableSpan<Value>(
      _unsafeStart: address.assumingMemoryBound(to: value),
      count: byteCount / MemoryLayout<Value>.stride)
    return unsafe _overrideLifetime(span, mutating: &self)
  }
}

/// A segment's memory, attached for reading; detached when the value is not used any more.
///
/// Other processes write the same bytes at the same time, see ``SharedMemory``.
@safe
public struct ReadOnlyMemory: ~Copyable, @unchecked Sendable {
  // SAFETY: as of `SharedMemory`.
  private let address: UnsafeRawPointer
  /// The size of the segment in bytes.
  public let byteCount: Int
  /// The segment.
  public let segment: MemorySegment

  @unsafe
  init(address: UInt, byteCount: Int, segment: MemorySegment) {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else {
      preconditionFailure("nothing is attached at address 0")
    }
    unsafe self.address = pointer
    self.byteCount = byteCount
    self.segment = segment
  }

  deinit { _ = OmegaLinux.Namespace.detachSegment(UInt(bitPattern: unsafe address)) }

  /// The bytes.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // SAFETY: see `address`; every byte is initialised.
      let span = unsafe Span<UInt8>(
        _unsafeStart: address.assumingMemoryBound(to: UInt8.self), count: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// As many values as the memory has room for; see ``SharedMemory/span(of:)``.
  @unsafe @_lifetime(borrow self)
  public borrowing func span<Value: BitwiseCopyable>(of value: Value.Type) -> Span<Value> {
    // SAFETY: as of `SharedMemory`.
    let span = unsafe Span<Value>(
      _unsafeStart: address.assumingMemoryBound(to: value),
      count: byteCount / MemoryLayout<Value>.stride)
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}
