import Glibc

/// How a child ended.
enum Ending: Equatable {
  case exited(Int32)
  case signalled(Int32)
}

/// A program run in the foreground as if it had taken this program's place: same process group,
/// terminal untouched, signals passed on.
struct Child {
  let pid: Int32
  private let signals: sigset_t

  /// Starts `path` with the signal mask and the dispositions that this program was started with.
  ///
  /// From here on this program's signals wait for `passSignalsUntilEnd`.
  static func start(_ path: String, _ arguments: [String]) throws(SystemError) -> Child {
    let signals = passedOn()
    var inherited = sigset_t()
    var both = signals
    // An ignored SIGCHLD would take the ending away. (POSIX leaves open what CMD would inherit.)
    signal(SIGCHLD, SIG_DFL)
    // SAFETY: sets and attributes outlive the calls; the argument strings are freed after the call.
    unsafe sigaddset(&both, SIGCHLD)
    unsafe sigprocmask(SIG_BLOCK, &both, &inherited)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setsigmask(&attributes, &inherited)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var pid: pid_t = 0
    let result = unsafe posix_spawn(&pid, path, nil, &attributes, &words, environ)
    guard result == 0 else {
      unsafe sigprocmask(SIG_SETMASK, &inherited, nil)
      throw SystemError(result)
    }
    return Child(pid: pid, signals: both)
  }

  /// All signals but those that cannot be blocked or that tell of a fault in this program itself.
  private static func passedOn() -> sigset_t {
    var set = sigset_t()
    // SAFETY: the set outlives the calls.
    unsafe sigfillset(&set)
    for number in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS] {
      unsafe sigdelset(&set, number)
    }
    return set
  }

  /// Passes signals on until the child has ended, and tells how it did.
  func passSignalsUntilEnd() -> Ending {
    while true {
      if let ending = lookForEnd() { return ending }
      var set = signals
      // SAFETY: set and structure outlive the call, which fills it.
      var info = unsafe siginfo_t()
      let number = unsafe sigwaitinfo(&set, &info)
      if number <= 0 || number == SIGCHLD { continue }
      // What the terminal sends goes to the whole process group, hence to the child already; except
      // the hang-up, which goes to a session's leader alone.
      let isFromTerminal = unsafe info.si_code == 0x80  // SI_KERNEL
      if isFromTerminal && !(number == SIGHUP && getsid(0) == getpid()) { continue }
      _ = Glibc.kill(pid, number)
    }
  }

  /// SIGKILL.
  func kill() { _ = Glibc.kill(pid, SIGKILL) }

  /// Reaps the child if it has ended. If it stopped for job control, stops this program as well,
  /// for a shell that waits for it; both go on together.
  private func lookForEnd() -> Ending? {
    var status: Int32 = 0
    // SAFETY: the number outlives the call.
    let result = unsafe waitpid(pid, &status, WNOHANG | WUNTRACED)
    guard result == pid else { return result < 0 && errno == ECHILD ? .exited(125) : nil }
    if status & 0xFF == 0x7F {
      let signal = status >> 8 & 0xFF
      // Not for SIGSTOP: who sent that to the child alone will also continue it alone.
      if [SIGTSTP, SIGTTIN, SIGTTOU].contains(signal) {
        raise(SIGSTOP)
        _ = Glibc.kill(pid, SIGCONT)
      }
      return nil
    }
    return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
  }
}

extension Ending {
  /// Ends this program in the same way, so that whoever waits for it sees no difference.
  func repeatIt() -> Never {
    switch self {
    case .exited(let status): exit(status)
    case .signalled(let number):
      // The child has left its core file, if any; another one of this program helps nobody.
      var none = rlimit(rlim_cur: 0, rlim_max: 0)
      var set = sigset_t()
      // SAFETY: the structures outlive the calls.
      unsafe setrlimit(__rlimit_resource_t(4), &none)  // RLIMIT_CORE
      signal(number, SIG_DFL)
      unsafe sigemptyset(&set)
      unsafe sigaddset(&set, number)
      kill(getpid(), number)
      unsafe sigprocmask(SIG_UNBLOCK, &set, nil)
      exit(128 + number)
    }
  }
}
