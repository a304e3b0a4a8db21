internal import OmegaLinux

/// What unrelated processes find an object by. The key 0 is none.
///
/// The corresponding C type is `key_t`.
public struct Key: RawRepresentable, Hashable, Sendable {
  /// The number.
  public let rawValue: Int32

  /// The key of a number; not 0, which calls refuse with EINVAL.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The key of an existing file and a project number: its low byte, the low byte of the file's
  /// device and the low 16 bits of its inode.
  ///
  /// Different files can have the same key. Throws ENOENT, EACCES or what else the path gives.
  ///
  /// The corresponding C function is `ftok`.
  public init(path: String, project: UInt8) throws(IPCError) {
    do throws(OmegaLinuxErrno) {
      let file = try OmegaLinux.Namespace.identity(ofFile: path, links: .followed)
      let bits =
        UInt32(project) << 24 | UInt32(file.device & 0xFF) << 16 | UInt32(file.inode & 0xFFFF)
      self.init(rawValue: Int32(bitPattern: bits))
    } catch {
      throw IPCError(.makeKey, .file(path: path), Errno(error))
    }
  }
}

extension Key: ExpressibleByIntegerLiteral {
  /// The key of a literal, such as `0x51000001`. Literals above Int32.max are taken as their bits.
  public init(integerLiteral value: UInt32) { self.init(rawValue: Int32(bitPattern: value)) }
}

extension Key: CustomStringConvertible {
  /// Eight hexadecimal digits, as `ipcs` prints them.
  public var description: String {
    let digits = String(UInt32(bitPattern: rawValue), radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
  }
}
