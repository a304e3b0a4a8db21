import COmegaLinux
import OmegaEngine

/// A text that becomes an unnamed file in memory.
@safe
struct ProcText: ~Copyable {
  // SAFETY: maps `capacity` bytes, all of them ours.
  private let buffer: UnsafeMutableRawPointer
  private static var capacity: Int { 65536 }
  private let file: Int
  /// Bytes in the buffer, and those that are in the file.
  private var count = 0
  private var written = 0
  /// A negative errno once something went wrong.
  private var failure = 0

  /// Nil when there is no memory.
  init?() {
    guard let buffer = unsafe Kernel.map(-1, ProcText.capacity) else { return nil }
    unsafe self.buffer = buffer
    file = Kernel.memoryFile("sysvipc")
    if file < 0 { failure = file }
  }

  deinit {
    if file >= 0 { Kernel.close(file) }
    unsafe Kernel.unmap(buffer, ProcText.capacity)
  }

  mutating func fail(_ error: Errno) { failure = -Int(error.rawValue) }

  @inline(never)
  mutating func add(_ text: StaticString) {
    // SAFETY: inside the static string.
    for index in 0..<text.utf8CodeUnitCount { unsafe add(byte: text.utf8Start[index]) }
  }

  /// A number with spaces in front, `width` wide unless it is longer.
  mutating func add(_ number: UInt, width: Int = 0, radix: UInt = 10) {
    add(number, sign: 0, width: width, radix: radix)
  }

  mutating func add(_ number: Int, width: Int) {
    add(number.magnitude, sign: number < 0 ? 1 : 0, width: width, radix: 10)
  }

  mutating func addLine(_ number: UInt) {
    add(number)
    add("\n")
  }

  @inline(never)
  private mutating func add(_ number: UInt, sign: Int, width: Int, radix: UInt) {
    var digits = 1
    var power: UInt = 1
    while number / power >= radix {
      power *= radix
      digits += 1
    }
    for _ in 0..<max(0, width - digits - sign) { add(byte: 32) }
    if sign > 0 { add(byte: 45) }
    while power > 0 {
      add(byte: UInt8(48 + number / power % radix))
      power /= radix
    }
  }

  @inline(never)
  private mutating func add(byte: UInt8) {
    if count == ProcText.capacity { flush() }
    // SAFETY: below the capacity.
    unsafe buffer.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  @inline(never)
  private mutating func flush() {
    defer { count = 0 }
    if failure != 0 { return }
    // Beyond RLIMIT_FSIZE a write would send SIGXFSZ.
    guard Namespace.mayHaveFile(of: written + count) else { return fail(.noMemory) }
    var done = 0
    while done < count {
      let result = unsafe Kernel.write(file, buffer + done, count - done, at: written + done)
      if result <= 0 {
        failure = result < 0 ? result : -Int(Errno.noMemory.rawValue)
        return
      }
      done += result
    }
    written += count
  }

  /// A new descriptor that only reads; or a negative errno.
  consuming func readable() -> Int {
    flush()
    if failure != 0 { return failure }
    // The mode a file of /proc has: nobody gets a writable descriptor of it through /proc/self/fd.
    _ = Kernel.changeMode(file, 0o444)
    var path = Path(descriptor: file)
    // SAFETY: the path is terminated.
    return unsafe path.withText { unsafe Kernel.open($0, Open.readOnly | Open.closeOnExec) }
  }
}

extension Kernel {
  /// memfd_create(2): a descriptor, close-on-exec, or a negative errno.
  static func memoryFile(_ name: StaticString) -> Int {
    // SAFETY: a static string is terminated.
    let name = Int(bitPattern: unsafe name.utf8Start)
    // Never to be executed (MFD_NOEXEC_SEAL), which kernels before 6.3 do not know.
    let result = omega_call(omega_call_memfd_create, name, 1 | 8, 0, 0, 0, 0)
    return result == -22 ? omega_call(omega_call_memfd_create, name, 1, 0, 0, 0, 0) : result
  }
}
