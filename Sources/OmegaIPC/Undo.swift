/// Whether the system takes an operation back when the process ends, however it ends.
public enum Undo: Hashable, Sendable {
  /// It stays.
  case never
  /// It is taken back at the end of the process, also after `SIGKILL`; all threads share this.
  ///
  /// The corresponding C flag is `SEM_UNDO`.
  case atExit
}
