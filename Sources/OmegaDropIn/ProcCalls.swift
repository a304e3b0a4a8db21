import OmegaEngine
import OmegaLinux

/// For `opening.c`: a descriptor with the namespace's text for one of its files, or a negative errno.
@c(omega_dropin_proc_file)
public func procFile(_ number: Int32) -> Int {
  guard let file = ProcFile(rawValue: number) else { return -2 }
  do {
    return try Namespace.ofEnvironment().open(file)
  } catch {
    return -Int(error.rawValue)
  }
}
