import COmegaLinux
import OmegaEngine

/// A pointer that a program passed: asked about before it is used, so a bad one is EFAULT.
@safe
struct UserMemory {
  private let address: UnsafeMutableRawPointer?

  init(_ address: UnsafeMutableRawPointer?) { unsafe self.address = address }
  init(_ address: UInt) { unsafe self.address = UnsafeMutableRawPointer(bitPattern: address) }

  /// The bytes, for reading. Throws EFAULT.
  func readable(_ byteCount: Int) throws(Errno) -> ReadableBytes {
    // SAFETY: only asked about.
    guard let pointer = unsafe address, unsafe omega_readable(pointer, byteCount) != 0 else {
      throw .badAddress
    }
    return unsafe ReadableBytes(address: pointer)
  }

  /// The bytes, for writing. Throws EFAULT.
  func writable(_ byteCount: Int) throws(Errno) -> WritableBytes {
    // SAFETY: only asked about.
    guard let pointer = unsafe address, unsafe omega_writable(pointer, byteCount) != 0 else {
      throw .badAddress
    }
    return unsafe WritableBytes(address: pointer)
  }

  /// The bytes, of memory that is known to be there; nil when there are none.
  @unsafe
  var trusted: WritableBytes? { unsafe address.map { unsafe WritableBytes(address: $0) } }
}

/// Bytes of the program that could be read when they were asked about; perhaps misaligned.
@safe
struct ReadableBytes {
  let address: UnsafeMutableRawPointer

  /// Bytes that were asked about already.
  @unsafe
  init(address: UnsafeMutableRawPointer) { unsafe self.address = address }

  // SAFETY: the offsets that the callers use are inside the bytes that were asked about.
  @inline(__always)
  func load<T: BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
    unsafe address.loadUnaligned(fromByteOffset: offset, as: type)
  }
}

@safe
struct WritableBytes {
  let address: UnsafeMutableRawPointer

  fileprivate init(address: UnsafeMutableRawPointer) { unsafe self.address = address }

  // SAFETY: as above.
  func store<T: BitwiseCopyable>(_ value: T, _ offset: Int) {
    unsafe address.storeBytes(of: value, toByteOffset: offset, as: T.self)
  }

  func clear(_ byteCount: Int) {
    for offset in 0..<byteCount { store(UInt8(0), offset) }
  }
}

extension ReadableBytes: OperationList {
  /// The `struct sembuf` at an index.
  @inline(__always)
  func operation(_ index: Int) -> Operation {
    let offset = 6 &* index
    let low = UInt64(load(offset, as: UInt32.self))
    return Operation(bits: low | UInt64(load(offset &+ 4, as: UInt16.self)) << 32)
  }

  /// The same, once its number was checked: another thread may have changed it since.
  @inline(__always)
  func operation(_ index: Int, below count: Int) -> Operation {
    let operation = operation(index)
    return operation.semaphore < count ? operation : Operation(bits: operation.bits & ~0xFFFF)
  }
}
