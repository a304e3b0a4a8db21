import ArgumentParser

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a command with its System V IPC on Omega IPC.",
    usage: "omega run [--namespace DIR] [--keep] -- CMD [ARGUMENT ...]",
    discussion: """
      CMD and all programs it starts use the namespace DIR instead of the kernel. Without \
      --namespace they get a private one in /dev/shm, which is removed when CMD has ended, however \
      it ended. Processes of CMD that live longer keep the objects they have in use, but find and \
      make no others; with --keep the namespace stays, and omega says where it is.

      CMD runs in the foreground, with the terminal, and signals sent to omega are passed on to \
      it. omega then ends as CMD ended: with its exit status, or by the same signal.

      What cannot be intercepted keeps using the kernel: statically linked programs, set-user-id \
      programs, and programs started with a cleaned environment.

      Exit status: that of CMD; 125 if omega itself failed, 126 if CMD cannot be executed, 127 if \
      it was not found.
      """)

  @OptionGroup var place: NamespaceOptions

  @Flag(help: "Keep the private namespace after CMD has ended.")
  var keep = false

  @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("The command.", valueName: "CMD"))
  var command: [String] = []

  /// CMD and its arguments, without the `--` in front.
  private var words: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

  func validate() throws {
    // Everything from the first word that is not ours is captured, the parser's own flag too.
    if ["-h", "--help"].contains(command.first) { throw CleanExit.helpRequest(self) }
    if let first = command.first, first != "--", first.hasPrefix("-") {
      throw ValidationError("Unknown option '\(first)'. Put -- before a command of that name.")
    }
    if words.isEmpty { throw ValidationError("Missing a command: omega run -- CMD") }
  }

  func run() throws {
    do throws(Failure) {
      try start().repeatIt()
    } catch {
      Terminal.complain("\(error)")
      throw Status.runFailed
    }
  }

  /// Runs the command and removes the namespace.
  private func start() throws(Failure) -> Ending {
    PrivateNamespace.removeStale()
    let library = try Program.dropIn()
    let path: String
    switch Program.find(words[0]) {
    case .found(let found): path = found
    case .denied(let found):
      Terminal.complain("\(found): cannot be executed\n       Look at its mode: ls -l \(found)")
      return .exited(Status.notExecutable.rawValue)
    case .missing:
      Terminal.complain("\(words[0]): no such command\n       Give its path, or look at PATH.")
      return .exited(Status.notFound.rawValue)
    }
    var own: PrivateNamespace?
    if place.given == nil { own = try PrivateNamespace.make() }
    if own == nil { _ = try place.made() }
    let namespace = own?.path ?? place.path
    Processes.setVariable("OMEGA_IPC_NAMESPACE", namespace)
    Processes.setVariable(
      "LD_PRELOAD", Program.preload(library, before: Processes.variable("LD_PRELOAD")))
    let ending: Ending
    do throws(SystemError) {
      let child = try Program.start(path, words)
      own?.record(command: child.pid)
      ending = child.passSignalsUntilEnd()
    } catch {
      Terminal.complain("\(path): \(error.text)")
      ending = .exited(Status.notExecutable.rawValue)
    }
    if let own {
      if keep {
        Terminal.complain("kept the namespace \(own.path)", label: nil)
      } else {
        // CMD's result counts for more than what is left behind; say so and go on.
        do throws(Failure) { try own.remove() } catch { Terminal.complain("\(error)") }
      }
    }
    return ending
  }
}

extension Program {
  /// Starts the command; a script without a first line `#!` goes to the shell, as execvp(3) does.
  fileprivate static func start(_ path: String, _ words: [String]) throws(SystemError) -> Child {
    do throws(SystemError) {
      return try Child.start(path, words)
    } catch  where error == .badFormat {
      return try Child.start("/bin/sh", ["sh", path] + words.dropFirst())
    }
  }
}
