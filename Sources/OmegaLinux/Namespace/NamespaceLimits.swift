import COmegaLinux
import OmegaEngine

/// The limits of a namespace, `/proc/sys/kernel/sem` of a kernel: its file `limits` holds them as four
/// decimal numbers in the same order. They are read when a process opens the namespace.
public struct NamespaceLimits: Equatable, Sendable {
  /// SEMMSL: semaphores in a set, at most 32000.
  public var semaphoresPerSet = Limit.semaphoresPerSet
  /// SEMMNS: semaphores in all sets.
  public var semaphoresInAll = Limit.semaphoresInAll
  /// SEMOPM: operations in a call, at most 500.
  public var operationsPerCall = Limit.operationsPerCall
  /// SEMMNI: sets, at most 32000.
  public var sets = Limit.sets

  public init() {}

  static func read(_ directory: UnsafePointer<CChar>) -> NamespaceLimits {
    var limits = NamespaceLimits()
    // SAFETY: the path is terminated; at most the buffer's 256 bytes are read.
    var path = unsafe Path(directory, file: "limits")
    let descriptor = unsafe path.withText {
      unsafe Kernel.open($0, Open.readOnly | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    }
    guard descriptor >= 0 else { return limits }
    defer { Kernel.close(descriptor) }
    var text = InlineArray<256, UInt8>(repeating: 0)
    let length = unsafe withUnsafeMutablePointer(to: &text) { out in
      omega_call(
        omega_call_read, descriptor, Int(bitPattern: out), 256, 0, 0, 0)
    }
    var numbers = InlineArray<4, Int>(repeating: 0)
    var field = 0
    var digits = 0
    for index in 0..<max(0, length) where field < 4 {
      let byte = text[index]
      if byte >= 48 && byte <= 57 {
        numbers[field] = min(numbers[field] * 10 + Int(byte - 48), Int(Int32.max))
        digits += 1
      } else if digits > 0 {
        field += 1
        digits = 0
      }
    }
    if digits > 0 { field += 1 }
    guard field >= 4 else { return limits }  // Not a file of ours: the defaults hold.
    limits.semaphoresPerSet = min(max(numbers[0], 1), Limit.semaphoresPerSet)
    limits.semaphoresInAll = max(numbers[1], 1)
    limits.operationsPerCall = min(max(numbers[2], 1), Limit.operationsPerCall)
    limits.sets = min(max(numbers[3], 1), Limit.sets)
    return limits
  }
}
