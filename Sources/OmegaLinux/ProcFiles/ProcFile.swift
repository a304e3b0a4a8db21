import OmegaEngine

/// A file of `/proc` in which a kernel shows System V IPC. The numbers are the places in the list of
/// names of OmegaDropIn's `opening.c`.
public enum ProcFile: Int32 {
  /// `/proc/sysvipc/{sem,msg,shm}`.
  case semaphores, messages, memory
  /// `/proc/sys/kernel/sem`: SEMMSL SEMMNS SEMOPM SEMMNI.
  case semaphoreLimits
  /// `/proc/sys/kernel/{msgmax,msgmnb,msgmni,shmmax,shmall,shmmni}`.
  case messageBytes, queueBytes, queues, segmentBytes, segmentPagesInAll, segments
  /// `/proc/sys/kernel/shm_rmid_forced`: a removed segment lives on while it is attached.
  case removalIsForced
  /// `/proc/sys/kernel/{sem,msg,shm}_next_id`: no identifier is asked for.
  case nextSet, nextQueue, nextSegment
}

extension Namespace {
  /// A descriptor from which the file's text as of now can be read, close-on-exec; or a negative errno.
  public func open(_ file: ProcFile) -> Int {
    endAbandonedSleep()
    guard var text = ProcText() else { return -Int(Errno.noMemory.rawValue) }
    switch file {
    case .semaphores: writeSemaphores(&text)
    case .messages: writeMessages(&text)
    case .memory: writeMemory(&text)
    case .semaphoreLimits:
      for position in 0..<4 {
        if position > 0 { text.add("\t") }
        text.add(limits[position])
      }
      text.add("\n")
    case .messageBytes: text.addLine(UInt(limits.messageBytes))
    case .queueBytes: text.addLine(UInt(limits.queueBytes))
    case .queues: text.addLine(UInt(limits.queues))
    case .segmentBytes: text.addLine(limits.segmentBytes)
    case .segmentPagesInAll: text.addLine(limits.segmentPagesInAll)
    case .segments: text.addLine(UInt(limits.segments))
    case .removalIsForced: text.addLine(0)
    case .nextSet, .nextQueue, .nextSegment: text.add("-1\n")
    }
    return text.readable()
  }
}
