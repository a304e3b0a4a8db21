import Glibc
import OmegaIPC
import Testing

@Suite struct KeyTests {
  @Test(arguments: ["/", "/dev/shm", "/proc/self", "/etc/passwd"]) func equalsFtok(path: String)
    throws
  {
    for project in [UInt8(1), 65, 255] {
      #expect(try Key(path: path, project: project).rawValue == ftok(path, Int32(project)))
    }
  }

  @Test func needsAFile() throws {
    let directory = try makeDirectory()
    defer { removeDirectory(directory) }
    let path = directory + "/missing"
    let error = failure { () throws(IPCError) in _ = try Key(path: path, project: 1) }
    #expect(error == IPCError(.makeKey, .file(path: path), .noEntry))
  }

  @Test func looksLikeIpcs() {
    #expect(Key(rawValue: 0x51).description == "0x00000051")
    #expect(Key(rawValue: -1).description == "0xffffffff")
    let high: Key = 0xFFFF_FFFE
    #expect(high.rawValue == -2)
  }
}
