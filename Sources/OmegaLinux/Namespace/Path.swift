import COmegaLinux

/// The kinds of object, and how their files are called: `sem.00042` (`msg`, `shm`), and for an object with a key a
/// symbolic link `sem.key.51000001` whose text is the identifier and the size, `1376298.3`. Everybody may
/// read a link's text, and making one is atomic. For `sem.00042.id` see `PublicStatus.swift`.
public enum ObjectKind: Sendable {
  case semaphores
  case queues
  case segments

  public static var all: InlineArray<3, ObjectKind> { [.semaphores, .queues, .segments] }

  /// With what the names of its files begin.
  public var prefix: StaticString {
    switch self {
    case .semaphores: "sem"
    case .queues: "msg"
    case .segments: "shm"
    }
  }
}

/// A path inside a namespace, in a buffer on the stack.
@safe
struct Path {
  private var bytes = InlineArray<256, CChar>(repeating: 0)

  init(_ directory: UnsafePointer<CChar>, _ kind: ObjectKind, index: Int) {
    // SAFETY: the buffer is larger than the longest namespace path (`Namespace.longestPath`) and name
    // together.
    unsafe withUnsafeMutablePointer(to: &bytes) { out in
      unsafe omega_path_index(
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self), directory,
        Path.text(kind.prefix), UInt32(truncatingIfNeeded: index))
    }
  }

  init(_ directory: UnsafePointer<CChar>, _ kind: ObjectKind, key: Int32) {
    // SAFETY: as above.
    unsafe withUnsafeMutablePointer(to: &bytes) { out in
      unsafe omega_path_key(
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self), directory,
        Path.text(kind.prefix), UInt32(bitPattern: key))
    }
  }

  /// The link with an object's public status; `suffix` tells the name under which a new one is made.
  init(
    _ directory: UnsafePointer<CChar>, statusOf kind: ObjectKind, index: Int,
    suffix: StaticString = ""
  ) {
    // SAFETY: as above.
    unsafe withUnsafeMutablePointer(to: &bytes) { out in
      unsafe omega_path_status(
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self), directory,
        Path.text(kind.prefix), UInt32(truncatingIfNeeded: index), Path.text(suffix))
    }
  }

  init(_ directory: UnsafePointer<CChar>, spare: Int) {
    // SAFETY: as above.
    unsafe withUnsafeMutablePointer(to: &bytes) { out in
      unsafe omega_path_index(
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self), directory,
        Path.text("spare"), UInt32(truncatingIfNeeded: spare))
    }
  }

  init(_ directory: UnsafePointer<CChar>, file: StaticString) {
    // SAFETY: as above.
    unsafe withUnsafeMutablePointer(to: &bytes) { out in
      unsafe omega_path_file(
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self), directory,
        Path.text(file))
    }
  }

  /// /proc/self/fd/N.
  init(descriptor: Int) {
    // SAFETY: as above; the text is shorter.
    unsafe withUnsafeMutablePointer(to: &bytes) { out in
      unsafe omega_path_descriptor(
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self),
        UInt32(truncatingIfNeeded: descriptor))
    }
  }

  private static func text(_ string: StaticString) -> UnsafePointer<CChar> {
    // SAFETY: a static string is terminated and lives for ever.
    unsafe UnsafeRawPointer(string.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  @unsafe
  mutating func withText<R, E: Error>(
    _ body: (UnsafePointer<CChar>) throws(E) -> R
  ) throws(E) -> R {
    try unsafe withUnsafePointer(to: &bytes) { text throws(E) in
      try unsafe body(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
    }
  }
}
