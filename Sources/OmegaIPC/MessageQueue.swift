internal import OmegaEngine
internal import OmegaLinux

/// A queue of messages between processes: bytes with a type, each of which one receiver gets whole.
///
/// A value is a handle: cheap to copy, usable from every thread and task, never closed; the queue
/// itself lives until ``remove()``. Calls that can wait **block the calling thread** and say so: do
/// not make them on a thread that others depend on, such as those of Swift's concurrency.
///
/// ```swift
/// let queue = try Namespace.standard.makeMessageQueue()
/// try queue.send(Array("hello".utf8), type: 3)
/// let message = try queue.receive(.type(3))        // blocks until there is one
/// ```
///
/// A message that was sent is in the queue even when its sender is killed at once, and one whose
/// receiver is killed in the call is either still there or gone with him; never half of it.
///
/// The corresponding C value is the identifier that `msgget` returns.
public struct MessageQueue: Hashable, Sendable {
  /// The namespace that the queue is in.
  public let namespace: Namespace
  /// The identifier, which the queue's processes and the C calls know it by.
  public let identifier: Int32

  init(namespace: Namespace, identifier: Int32) {
    self.namespace = namespace
    self.identifier = identifier
  }

  // MARK: Sending

  /// Sends a message, waiting until the queue has room for it. **Blocks.** Needs permission to alter.
  ///
  /// - Parameters:
  ///   - bytes: As many as ``Namespace/Limits/messageBytes`` at most; may be none.
  ///   - type: 1 or above; receivers select by it.
  ///
  /// - Throws: EINVAL when there is no such queue, for a type below 1 and for too many bytes; EACCES
  ///   without permission to alter, EIDRM when the queue is removed meanwhile, EINTR after a signal
  ///   handler ran, ENOMEM.
  ///
  /// The corresponding C function is `msgsnd`.
  @inlinable
  public func send(_ bytes: Span<UInt8>, type: Int = 1) throws(IPCError) {
    let result = send(bytes, type, flags: 0)
    if result != 0 { try fail(.send, result) }
  }

  /// As ``send(_:type:)-(Span<UInt8>,_)``, with an array. **Blocks.**
  @inlinable
  public func send(_ bytes: [UInt8], type: Int = 1) throws(IPCError) {
    try send(bytes.span, type: type)
  }

  /// Sends a message if the queue has room for it; false if not. Never waits.
  ///
  /// - Throws: as ``send(_:type:)-(Span<UInt8>,_)``, except EINTR.
  ///
  /// The corresponding C function is `msgsnd` with `IPC_NOWAIT`.
  @inlinable
  public func trySend(_ bytes: Span<UInt8>, type: Int = 1) throws(IPCError) -> Bool {
    try wasSent(send(bytes, type, flags: MessageQueue.noWait))
  }

  /// As ``trySend(_:type:)-(Span<UInt8>,_)``, with an array.
  @inlinable
  public func trySend(_ bytes: [UInt8], type: Int = 1) throws(IPCError) -> Bool {
    try trySend(bytes.span, type: type)
  }

  // Results are 0 or a negative errno.

  @usableFromInline static var noWait: Int32 { Flag.noWait }

  @usableFromInline
  func send(_ bytes: Span<UInt8>, _ type: Int, flags: Int32) -> Int32 {
    namespace.host.send(identifier, bytes, type: Int64(type), flags: flags)
  }

  @inlinable @inline(__always)
  func wasSent(_ result: Int32) throws(IPCError) -> Bool {
    if result == 0 { return true }
    if result == -Errno.wouldBlock.rawValue { return false }
    try fail(.send, result)
  }

  /// Throws for a negative errno. All of it apart, so that what calls it stays small enough to be
  /// inlined.
  @inline(never) @usableFromInline
  func fail(_ action: IPCError.Action, _ result: Int32) throws(IPCError) -> Never {
    throw failure(action, -result)
  }

  @inline(never)
  func failure(_ action: IPCError.Action, _ errno: Int32) -> IPCError {
    let object = IPCError.Object.object(
      .messageQueue, identifier: identifier, directory: namespace.directory)
    return IPCError(action, object, Errno(rawValue: errno))
  }
}

extension MessageQueue: CustomStringConvertible {
  /// The identifier and the namespace.
  public var description: String { "message queue \(identifier) in \(namespace)" }
}

extension MessageSelection {
  static var exceptFlag: Int32 { ReceiveFlag.except }
}
