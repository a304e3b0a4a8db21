import COmegaLinux

/// The kinds of object, and how their files are called: `sem.00042`, and for an object with a key a
/// symbolic link `sem.key.51000001` whose text is the identifier and the size, `1376298.3`. Everybody may
/// read a link's text, and making one is atomic.
public enum ObjectKind: Sendable {
  case semaphores

  var prefix: StaticString {
    switch self {
    case .semaphores: "sem"
    }
  }
}

/// A path inside a namespace, in a buffer on the stack.
@safe
struct Path {
  private var bytes = InlineArray<4160, CChar>(repeating: 0)

  init(_ directory: UnsafePointer<CChar>, _ kind: ObjectKind, index: Int) {
    // SAFETY: the buffer is larger than the longest namespace path and name together.
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
  mutating func withText<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    unsafe withUnsafePointer(to: &bytes) { text in
      unsafe body(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
    }
  }
}
