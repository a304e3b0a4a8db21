internal import OmegaEngine
internal import OmegaLinux
import Synchronization

/// The error numbers of the layers below.
typealias OmegaLinuxErrno = OmegaEngine.Errno

/// The namespaces that the process has opened: each directory once, because two openings would not
/// know of each other's undo records.
enum NamespaceRegistry {
  private struct Entry {
    /// Tells a directory that was removed and made again from its predecessor.
    let sequence: FileIdentity?
    let namespace: OmegaLinux.Namespace
  }

  private static let opened = Mutex<[FileIdentity: Entry]>([:])

  static func open(_ directory: String) throws(OmegaLinuxErrno) -> OmegaLinux.Namespace {
    try opened.withLock { opened throws(OmegaLinuxErrno) in
      if let directory = identity(directory), let entry = opened[directory.directory],
        entry.sequence == directory.sequence
      {
        return entry.namespace
      }
      var namespace = try OmegaLinux.Namespace.open(directory: directory)
      guard let identity = identity(directory) else { throw .noEntry }  // Removed by somebody.
      if self.identity(OmegaLinux.Namespace.environmentDirectory)?.directory == identity.directory {
        namespace = try OmegaLinux.Namespace.ofEnvironment()
      }
      opened[identity.directory] = Entry(sequence: identity.sequence, namespace: namespace)
      return namespace
    }
  }

  private static func identity(
    _ directory: String
  ) -> (directory: FileIdentity, sequence: FileIdentity?)? {
    guard let own = try? OmegaLinux.Namespace.identity(ofFile: directory, links: .kept) else {
      return nil
    }
    let sequence = try? OmegaLinux.Namespace.identity(
      ofFile: directory + "/sequence", links: .kept)
    return (own, sequence)
  }
}
