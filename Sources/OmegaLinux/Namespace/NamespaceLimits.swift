import COmegaLinux
import OmegaEngine

/// The limits of a namespace, `/proc/sys/kernel/{sem,msg*,shm*}` of a kernel.
///
/// The namespace's file `limits` holds them as decimal numbers, in the order of `subscript`. It is read
/// when a process opens the namespace. A file of an older version has fewer: the rest are the defaults.
public struct NamespaceLimits: Equatable, Sendable {
  /// SEMMSL: semaphores in a set, at most 32000.
  public var semaphoresPerSet = Limit.semaphoresPerSet
  /// SEMMNS: semaphores in all sets.
  public var semaphoresInAll = Limit.semaphoresInAll
  /// SEMOPM: operations in a call, at most 500.
  public var operationsPerCall = Limit.operationsPerCall
  /// SEMMNI: sets, at most 32000.
  public var sets = Limit.sets
  /// MSGMAX: bytes in a message.
  public var messageBytes = 8192
  /// MSGMNB: bytes in a new queue, and in any that an unprivileged user changes.
  public var queueBytes = 16384
  /// MSGMNI: queues, at most 32768.
  public var queues = 32000
  /// SHMMAX: bytes in a segment.
  public var segmentBytes = NamespaceLimits.highestSize
  /// SHMALL: pages in all segments.
  public var segmentPagesInAll = NamespaceLimits.highestSize
  /// SHMMNI: segments, at most 32768.
  public var segments = 4096

  public init() {}

  /// `ULONG_MAX - 2^24`, of which `linux/shm.h` says that adding to it does not overflow.
  public static var highestSize: UInt { UInt.max - (1 << 24) }

  /// How many limits there are.
  public static var count: Int { 10 }

  /// The limit at a position of the file. A value out of range becomes the nearest in it.
  public subscript(position: Int) -> UInt {
    get {
      switch position {
      case 0: UInt(semaphoresPerSet)
      case 1: UInt(semaphoresInAll)
      case 2: UInt(operationsPerCall)
      case 3: UInt(sets)
      case 4: UInt(messageBytes)
      case 5: UInt(queueBytes)
      case 6: UInt(queues)
      case 7: segmentBytes
      case 8: segmentPagesInAll
      default: UInt(segments)
      }
    }
    set {
      let range = NamespaceLimits.range(position)
      let value = min(max(newValue, range.lowerBound), range.upperBound)
      switch position {
      case 0: semaphoresPerSet = Int(value)
      case 1: semaphoresInAll = Int(value)
      case 2: operationsPerCall = Int(value)
      case 3: sets = Int(value)
      case 4: messageBytes = Int(value)
      case 5: queueBytes = Int(value)
      case 6: queues = Int(value)
      case 7: segmentBytes = value
      case 8: segmentPagesInAll = value
      default: segments = Int(value)
      }
    }
  }

  /// What the limit at a position may be.
  public static func range(_ position: Int) -> ClosedRange<UInt> {
    let highest: UInt =
      switch position {
      case 0: UInt(Limit.semaphoresPerSet)
      case 2: UInt(Limit.operationsPerCall)
      case 3: UInt(Limit.sets)
      case 6, 9: UInt(Limit.indices)
      case 7, 8: highestSize
      default: UInt(Int32.max)
      }
    return 1...highest
  }

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
    var number: UInt = 0
    var field = 0
    var digits = 0
    // One step beyond the text ends its last number.
    for index in 0...max(0, length) where field < count {
      let byte = index < length ? text[index] : 0
      if byte >= 48 && byte <= 57 {
        let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(UInt(byte - 48))
        number = overflow || carry ? UInt.max : sum
        digits += 1
      } else if digits > 0 {
        limits[field] = number
        field += 1
        number = 0
        digits = 0
      }
    }
    return field < 4 ? NamespaceLimits() : limits  // Fewer: not a file of ours.
  }
}
