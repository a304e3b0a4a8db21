import COmegaLinux
import OmegaEngine

/// What tells a file from all others, whatever path leads to it.
public struct FileIdentity: Hashable, Sendable {
  public var device: UInt64
  public var inode: UInt64
}

/// Room in the file system of a namespace (statfs(2)), in bytes.
public struct Space: Equatable, Sendable {
  public var byteCount: UInt64
  public var availableByteCount: UInt64
  /// Files that can still be made; 0 where the file system does not count them.
  public var availableFileCount: UInt64
  /// Whether it is kept in memory (tmpfs or ramfs).
  public var isInMemory: Bool
}

extension Namespace {
  /// Opens the namespace in a directory, which is made with mode 0700 when it is missing.
  ///
  /// The memory of an opened namespace is kept for ever, and two openings of the same directory do
  /// not know of each other: keep what this returns. Errors as for the namespace of the
  /// environment.
  @unsafe
  public static func open(at path: UnsafePointer<CChar>) throws(Errno) -> Namespace {
    // SAFETY: `path` is terminated, says the caller.
    unsafe try open(path, kind: .given)
  }

  /// The room in the file system that the directory is in.
  public func space() throws(Errno) -> Space {
    var raw = omega_space()
    // SAFETY: the path is terminated; the structure outlives the call.
    let result = unsafe omega_read_space(path, &raw)
    guard result == 0 else { throw Errno(rawValue: -result) }
    return Space(
      byteCount: raw.blocks &* raw.block_size, availableByteCount: raw.available &* raw.block_size,
      availableFileCount: raw.free_files,
      isInMemory: raw.type == 0x0102_1994 || raw.type == 0x8584_58F6)
  }
}

#if !hasFeature(Embedded)
  extension Namespace {
    /// As `open(at:)`, with a path in a string.
    public static func open(directory: String) throws(Errno) -> Namespace {
      // SAFETY: the string's text is terminated and outlives the call.
      let result = unsafe directory.withCString { path -> Result<Namespace, Errno> in
        do throws(Errno) {
          return .success(unsafe try open(at: path))
        } catch {
          return .failure(error)
        }
      }
      return try result.get()
    }

    /// Whether a symbolic link at the end of a path is followed.
    public enum Links: Sendable { case followed, kept }

    /// The identity of any file.
    public static func identity(
      ofFile path: String, links: Links
    ) throws(Errno) -> FileIdentity {
      var identity = FileIdentity(device: 0, inode: 0)
      // SAFETY: as above; the numbers outlive the call.
      let result = unsafe path.withCString {
        unsafe omega_file_identity(
          $0, links == .followed ? 1 : 0, &identity.device, &identity.inode)
      }
      guard result == 0 else { throw Errno(rawValue: -result) }
      return identity
    }

    /// The directory's path as it was given.
    public var directory: String {
      // SAFETY: terminated, and kept for the life of the process.
      unsafe String(cString: path)
    }

    /// The path that `OMEGA_IPC_NAMESPACE` gave when the process started, else the user's own.
    public static var environmentDirectory: String {
      // SAFETY: the shim's buffer is terminated; the other one holds the fixed text and ten digits.
      let given = unsafe String(cString: omega_namespace())
      if !given.isEmpty { return given }
      var text = InlineArray<64, CChar>(repeating: 0)
      return unsafe withUnsafeMutablePointer(to: &text) { out in
        let out = unsafe UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self)
        unsafe omega_path_default(out, Credentials().euid)
        return unsafe String(cString: out)
      }
    }
  }

  /// Equal when they were opened once: see `open(at:)`.
  extension Namespace: Hashable {
    public static func == (one: Namespace, other: Namespace) -> Bool {
      // SAFETY: only the addresses are compared.
      unsafe one.state == other.state
    }
    public func hash(into hasher: inout Hasher) {
      // SAFETY: only the address is used.
      unsafe hasher.combine(UInt(bitPattern: state))
    }
  }

  extension FileName {
    public var text: String { String(decoding: (0..<byteCount).map { self[$0] }, as: UTF8.self) }
  }
#endif
