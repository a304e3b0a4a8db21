import ArgumentParser

@main
struct Omega: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "omega",
    abstract: "System V IPC in userspace: run programs on it, look into it, keep it in order.",
    discussion: """
      A namespace is a directory. It is chosen by --namespace, else by OMEGA_IPC_NAMESPACE, else \
      it is your own: /dev/shm/omega-ipc.UID.

      Exit status: 0 if it worked, 1 if an object is missing, damaged or refused (or doctor found \
      what does not work), 64 for a wrong command line. omega run has its own.
      """,
    version: "0.1.0",
    subcommands: [
      RunCommand.self, ListCommand.self, ShowCommand.self, MakeCommand.self, RemoveCommand.self,
      LimitsCommand.self, DoctorCommand.self, HolderCommand.self,
    ])
}
