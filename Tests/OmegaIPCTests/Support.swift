import Glibc
import OmegaIPC
import Synchronization
import Testing

/// A namespace in a directory of its own, removed with everything in it when the value goes away.
final class PrivateNamespace: Sendable {
  let directory: String
  let namespace: Namespace

  /// `limits`: the text of the namespace's file of that name.
  init(limits: String? = nil, mode: mode_t = 0o700) throws {
    directory = try makeDirectory()
    chmod(directory, mode)
    if let limits { try write(limits, to: directory + "/limits") }
    namespace = try Namespace(directory: directory)
  }

  deinit { removeDirectory(directory) }

  /// The names in the directory, sorted.
  var names: [String] { namesIn(directory) }
}

struct SystemCallFailed: Error {
  let call: String
  let code = errno
}

/// A fresh directory on tmpfs.
func makeDirectory() throws -> String {
  var template = Array("/dev/shm/omega-ipc-tests.XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw SystemCallFailed(call: "mkdtemp") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Removes a directory and its files and empty folders.
func removeDirectory(_ directory: String) {
  for name in namesIn(directory) {
    let path = directory + "/" + name
    if unlink(path) != 0 { rmdir(path) }
  }
  rmdir(directory)
}

func namesIn(_ directory: String) -> [String] {
  guard let stream = opendir(directory) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}

func write(_ text: String, to path: String) throws {
  guard let file = fopen(path, "w") else { throw SystemCallFailed(call: "fopen") }
  fputs(text, file)
  fclose(file)
}

/// A watchdog, not a measurement: far above what anything here takes.
let watchdog = Duration.seconds(60)

struct WatchdogExpired: Error {}

/// Waits until a condition holds.
func eventually(_ condition: () throws -> Bool) async throws {
  let end = ContinuousClock.now + watchdog
  while try !condition() {
    if ContinuousClock.now > end { throw WatchdogExpired() }
    try await Task.sleep(for: .milliseconds(1))
  }
}

/// A call on a thread of its own, because it blocks.
struct Blocking<Value: Sendable> {
  let thread: pthread_t
  private let result: Slot<Value>

  init(_ body: @escaping @Sendable () throws -> Value) {
    let slot = Slot<Value>()
    result = slot
    thread = startThread { slot.fill(Result { try body() }) }
  }

  /// The call's value, when it has ended.
  func value() throws -> Value {
    pthread_join(thread, nil)
    return try result.take()
  }
}

private final class Slot<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)

  func fill(_ value: Result<Value, any Error>) { result.withLock { $0 = value } }
  func take() throws -> Value {
    guard let value = result.withLock({ $0 }) else { throw WatchdogExpired() }
    return try value.get()
  }
}

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { argument in
      if let argument {
        Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
      }
      return nil
    }, Unmanaged.passRetained(ThreadBody(body)).toOpaque())
  return thread
}

/// The error of a call that must fail; records an issue when it does not.
func failure(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws(IPCError) -> Void
) -> IPCError? {
  do throws(IPCError) {
    try body()
    Issue.record("the call succeeded", sourceLocation: sourceLocation)
    return nil
  } catch {
    return error
  }
}
