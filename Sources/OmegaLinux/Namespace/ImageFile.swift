import COmegaLinux
import OmegaEngine

/// An object's file, opened, checked and mapped.
struct ImageFile<Object: StoredObject> {
  let object: Object
  let inode: UInt64

  /// nil when it cannot be opened, or is not an image of this version that fits its own size.
  static func open(_ path: UnsafePointer<CChar>) -> ImageFile? {
    try? unsafe opened(path) { unsafe Kernel.map($0, $1) }
  }

  /// As `open`; throws EACCES when the file may not be opened, ENOMEM when there is no descriptor or
  /// no memory left, EINVAL when it is not there or no image.
  static func opened(
    _ path: UnsafePointer<CChar>, _ map: (Int, Int) -> UnsafeMutableRawPointer?
  ) throws(Errno) -> ImageFile {
    // SAFETY: the path is terminated. The file is mapped only after its size was compared with what
    // its header claims; a foreign file is not touched.
    let descriptor = unsafe Kernel.open(
      path, Open.readWrite | Open.closeOnExec | Open.noFollow | Open.nonBlocking)
    guard descriptor >= 0 else { throw openingError(descriptor) }
    defer { Kernel.close(descriptor) }
    guard let status = Kernel.status(descriptor), status.isRegular else { throw .invalid }
    let size = Object.kind.size(ofFile: status.byteCount)
    guard size > 0 else { throw .invalid }
    let byteCount = Object.imageByteCount(size: size)
    guard let memory = unsafe map(descriptor, byteCount) else { throw .noMemory }
    let image = unsafe Image(base: memory, byteCount: byteCount)
    let object = Object(image: image, size: size)
    if image.load(Header.magic) == Object.magic
      && image.load(Header.version) == Object.version
      && image.load(Header.parameter) == UInt64(size)
    {
      object.announceSharer()
      let owners = (image.load(Header.uid), image.load(Header.cuid))
      // Who pretends that his file is somebody else's object is not believed.
      let owner = UInt64(status.uid)
      if owners.0 == owner || owners.1 == owner || owner == 0 {
        return ImageFile(object: object, inode: status.inode)
      }
    }
    unsafe Kernel.unmap(memory, byteCount)
    throw .invalid
  }

  private static func openingError(_ result: Int) -> Errno {
    switch -result {
    case 13, 1: .accessDenied
    case 12, 23, 24: .noMemory  // ENOMEM, ENFILE, EMFILE
    default: .invalid
    }
  }

  func unmap() {
    // SAFETY: the value's owner uses it no more.
    unsafe Kernel.unmap(object.image.address(0), object.image.byteCount)
  }

  var identifier: Int32 { object.identifier }
  var key: Int32 { object.key }

  var creatorIsGone: Bool {
    LinuxHost().processIsGone(
      pid: UInt32(truncatingIfNeeded: object.image.load(Header.creator)),
      startTime: object.image.load(Header.creatorStart))
  }
}
