import OmegaEngine

/// The indices of a kind's files, for going through them in ascending order: one bit for each index.
@safe
struct IndicesInUse: ~Copyable {
  // SAFETY: maps 4096 bytes, a bit for each of the 32768 indices; all of them ours.
  private let bits: UnsafeMutableRawPointer
  private static var byteCount: Int { Limit.indices / 8 }

  /// Nil when there is no memory.
  init?(_ namespace: Namespace, _ kind: ObjectKind) {
    guard let bits = unsafe Kernel.map(-1, IndicesInUse.byteCount) else { return nil }
    namespace.forEachIndex(kind) { index in
      // SAFETY: an index is below `Limit.indices`.
      let word = unsafe bits.load(fromByteOffset: index / 64 * 8, as: UInt64.self)
      unsafe bits.storeBytes(
        of: word | 1 << UInt64(index % 64), toByteOffset: index / 64 * 8, as: UInt64.self)
    }
    unsafe self.bits = bits
  }

  deinit { unsafe Kernel.unmap(bits, IndicesInUse.byteCount) }

  borrowing func visit(_ body: (Int) -> Void) {
    for start in stride(from: 0, to: Limit.indices, by: 64) {
      // SAFETY: as above.
      var word = unsafe bits.load(fromByteOffset: start / 8, as: UInt64.self)
      while word != 0 {
        body(start + word.trailingZeroBitCount)
        word &= word - 1
      }
    }
  }
}
