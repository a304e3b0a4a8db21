import COmegaLinux
import OmegaEngine

// A segment that is marked for removal ends with its last attachment, and when that ended with its
// process, then as soon as anybody looks. So that somebody does, the number of marked segments stands in
// the namespace's `sequence` file, and their files have a mark too (the sticky bit, which means nothing
// else for a file): whoever makes a segment or counts them looks after those first, once a second.
extension Namespace {
  private static var base: Int { ObjectKind.segments.sequenceOffset }

  /// Removes the segment if it is marked for removal and nobody has it attached any more.
  func endIfLeft(_ handle: ObjectHandle<SharedSegment>) {
    // SAFETY: the handle is entered.
    let segment = unsafe handle.pointee.object
    let inode = unsafe handle.pointee.inode
    let isGone = segment.end(LinuxHost()) {
      add(-1, Namespace.base + Namespace.doomed)
      unlinkNames(segment, inode: inode)
    }
    if isGone { unsafe retire(handle) }
  }

  /// Marks the file of a segment that is marked for removal.
  func markFile(_ identifier: Int32) {
    let index = Int(identifier) & 0x7FFF
    guard let mode = lookUp(.segments, index: index)?.mode else { return }
    // SAFETY: the namespace's path lives as long as the process.
    var name = unsafe Path(path, .segments, index: index)
    _ = unsafe name.withText { unsafe omega_change_path_mode($0, 0o1000 | mode) }
  }

  func countDoomed() { add(1, Namespace.base + Namespace.doomed) }

  enum Haste { case onceASecond, now }

  /// Removes the marked segments whose last users have died.
  func sweep(_ haste: Haste) {
    // SAFETY: the image is mapped for the life of the process.
    let sequence = unsafe state.pointee.sequence
    if sequence.load(Namespace.base + Namespace.doomed) == 0 && haste == .onceASecond { return }
    let now = UInt64(bitPattern: LinuxHost().now())
    let last = sequence.load(Namespace.base + Namespace.lastSweep)
    if last == now && haste == .onceASecond { return }
    sequence.store(now, Namespace.base + Namespace.lastSweep)
    sweepNow()
  }

  @inline(never)
  private func sweepNow() {
    var marked = 0
    forEachIndex(.segments) { index in
      guard lookUp(.segments, index: index)?.isMarked == true else { return }
      marked += 1
      guard let handle = unsafe try? handle(index: index, SharedSegment.self) else { return }
      unsafe endIfLeft(handle)
      unsafe leave(handle)
    }
    // The number was a dead process's.
    if marked == 0 {
      // SAFETY: as above.
      let sequence = unsafe state.pointee.sequence
      sequence.store(0, Namespace.base + Namespace.doomed)
    }
  }
}
