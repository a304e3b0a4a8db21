import OmegaLinux

/// Checks of `omega doctor` on the machine.
enum Machine {
  static func findings() -> [Finding] {
    [dropIn(), robustLists(), futexWaitv(), proc(), processors(), kernelIPC()]
  }

  private static func dropIn() -> Finding {
    do throws(Failure) {
      return Finding(
        "drop-in", .ok, try Program.dropIn(), "omega run loads it; LD_PRELOAD does so by hand.")
    } catch {
      return Finding("drop-in", .fail, "\(error.object): \(error.cause)", error.wayOut)
    }
  }

  private static func robustLists() -> Finding {
    if KernelOffer.robustLists {
      return Finding(
        "robust futexes", .ok, "this thread has a robust list",
        "The kernel marks what a process holds at the instant it dies, kill -9 included.")
    }
    return Finding(
      "robust futexes", .note, "this thread has no robust list",
      "The death of a process is found by looking around every few milliseconds. A sandbox forbids "
        + "set_robust_list or get_robust_list: better allow both.")
  }

  private static func futexWaitv() -> Finding {
    let release = Processes.kernelRelease
    switch KernelOffer.futexWaitv {
    case .present:
      return Finding(
        "futex_waitv", .ok, "present (Linux \(release))",
        "Who waits for a token of a process that dies is woken at that instant.")
    case .missing:
      return Finding(
        "futex_waitv", .note, "missing (Linux \(release); it came with 5.16)",
        "Who waits for a token of a process that dies looks around every few milliseconds.")
    case .refused(let number):
      return Finding(
        "futex_waitv", .fail, "refused: \(SystemError(number).text) (Linux \(release))",
        "A sandbox answers for the kernel. Allow the call, or have it answer ENOSYS.")
    }
  }

  private static func proc() -> Finding {
    guard Processes.startTime(Processes.own) != nil else {
      return Finding(
        "/proc", .fail, "not mounted, or not readable",
        "A process id that is used again cannot be told from the old one. mount -t proc proc /proc")
    }
    if Files.read("/proc/1/stat") == nil {
      return Finding(
        "/proc", .note, "mounted, but hides processes of other users (hidepid)",
        "omega show cannot name them, and a dead one whose number was given again may be taken "
          + "for alive.")
    }
    return Finding(
      "/proc", .ok, "mounted, start times readable",
      "A process id that is used again is told from the old one.")
  }

  private static func processors() -> Finding {
    let count = Processes.processorCount
    if count == 1 {
      return Finding(
        "processors", .note, "1",
        "Waiting by spinning does not pay: a sleeper always goes through the kernel.")
    }
    return Finding(
      "processors", .ok, String(count), "A short wait spins, without a system call.")
  }

  private static func kernelIPC() -> Finding {
    if Files.facts("/proc/sysvipc/sem") == nil {
      return Finding(
        "kernel's System V IPC", .note, "missing",
        "Omega IPC needs none. What cannot be intercepted (static programs) gets ENOSYS.")
    }
    return Finding(
      "kernel's System V IPC", .ok, "present",
      "Omega IPC needs none. What cannot be intercepted (static programs) uses it.")
  }
}
