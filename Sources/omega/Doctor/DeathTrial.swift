import ArgumentParser
import OmegaEngine
import OmegaLinux

/// The trial behind `omega doctor`'s most important line: a process takes a token with SEM_UNDO and
/// is killed while another one sleeps for it.
enum DeathTrial {
  static func finding() -> Finding {
    let name = "death of a holder"
    do throws(Failure) {
      try run()
      return Finding(
        name, .ok, "tried: its token went to the process that slept for it",
        "SEM_UNDO holds here, also after kill -9.")
    } catch {
      return Finding(name, .fail, "\(error.object): \(error.cause)", error.wayOut)
    }
  }

  private static func run() throws(Failure) {
    let place = try PrivateNamespace.make()
    do throws(Failure) { try attempt(place.path) } catch {
      try? place.remove()
      throw error
    }
    try place.remove()
  }

  private static func attempt(_ path: String) throws(Failure) {
    guard let program = Processes.executable else {
      throw Failure(
        "/proc/self/exe", "cannot be read", wayOut: "Mount /proc: mount -t proc proc /proc")
    }
    let namespace: Namespace
    do throws(Errno) { namespace = try Namespace.open(directory: path) } catch {
      throw failed(path, error.rawValue)
    }
    let set = namespace.getSet(key: privateKey, semaphoreCount: 1, flags: 0o600)
    guard set >= 0 else { throw failed("semget in \(path)", -set) }
    let given = namespace.control(set, 0, Command.setValue, 1)
    guard given == 0 else { throw failed("SETVAL in \(path)", -given) }

    let child: Child
    do throws(SystemError) {
      child = try Child.start(program, ["omega", HolderCommand.name, path, String(set)])
    } catch {
      throw failed(program, error.number)
    }
    let taken = HolderCommand.wait { namespace.control(set, 0, Command.getValue, 0) == 0 }
    guard taken else {
      child.kill()
      throw Failure(
        "the holder", "did not take its token in time",
        wayOut: "The machine may be overloaded: try again.")
    }
    // The holder kills itself once it sees us sleep.
    let result = namespace.operate(set, count: 1, timeout: HolderCommand.patience) { _ in
      Operation(semaphore: 0, amount: -1, flags: 0)
    }
    child.kill()
    _ = child.passSignalsUntilEnd()
    guard result == 0 else {
      throw Failure(
        "the sleeper", "did not get the dead holder's token: \(SystemError(-result).text)",
        wayOut: "SEM_UNDO does not hold here. Look at the lines above, and report it.")
    }
  }

  private static func failed(_ object: String, _ number: Int32) -> Failure {
    Failure(object, SystemError(number), wayOut: "Look at the room: df /dev/shm")
  }
}

/// The holder of the trial: takes a token with SEM_UNDO, and dies when somebody sleeps for it.
struct HolderCommand: ParsableCommand {
  static let name = "hold-and-die"
  static let configuration = CommandConfiguration(
    commandName: name, abstract: "A part of doctor.", shouldDisplay: false)

  @Argument var path: String
  @Argument var set: Int32

  /// How long the trial waits for each step: for a broken machine, far above what a step takes.
  static let patience = Timeout(seconds: 10, nanoseconds: 0)

  func run() throws {
    let namespace = try Namespace.open(directory: path)
    let undo = OmegaEngine.Flag.undo
    let taken = namespace.operate(set, Operation(semaphore: 0, amount: -1, flags: undo))
    guard taken == 0 else { throw Status.failure }
    _ = HolderCommand.wait { namespace.control(set, 0, Command.getIncreaseCount, 0) > 0 }
    Processes.die()
  }

  /// Looks again and again; false when the patience is over.
  static func wait(until condition: () -> Bool) -> Bool {
    for _ in 0..<(patience.seconds * 1000) {
      if condition() { return true }
      Processes.pauseMillisecond()
    }
    return condition()
  }
}
