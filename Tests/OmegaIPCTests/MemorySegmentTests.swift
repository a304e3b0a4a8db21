import Glibc
import OmegaIPC
import Testing

@Suite struct MemorySegmentTests {
  let box: PrivateNamespace
  var namespace: Namespace { box.namespace }

  init() throws { box = try PrivateNamespace() }

  @Test func sharesBytesBetweenAttachments() throws {
    let segment = try namespace.makeMemorySegment(byteCount: 5000)
    var one = try segment.attach()
    let two = try segment.attachForReading()
    // (Read into values first: the macro cannot take what may not be copied.)
    let counts = [one.byteCount, two.byteCount, one.bytes.count, two.bytes.count]
    #expect(counts == [5000, 5000, 5000, 5000])
    let isClear = copy(one.bytes).allSatisfy { $0 == 0 }
    #expect(isClear)
    var span = one.mutableBytes
    span[0] = 7
    span[4999] = 9
    let ends = [two.bytes[0], two.bytes[4999]]
    #expect(ends == [7, 9])
    var numbers = one.mutableSpan(of: UInt32.self)
    numbers[3] = 0x0403_0201
    let (count, number) = (two.span(of: UInt32.self).count, two.span(of: UInt32.self)[3])
    #expect(count == 1250 && number == 0x0403_0201)
    let low = one.span(of: UInt8.self)[12]
    #expect(low == 1)
  }

  private func copy(_ bytes: Span<UInt8>) -> [UInt8] { bytes.indices.map { bytes[$0] } }

  @Test func detachesAfterTheLastUse() throws {
    let segment = try namespace.makeMemorySegment(byteCount: 1)
    #expect(try segment.status().attachmentCount == 0)
    do {
      let one = try segment.attach()
      let two = try segment.attach()
      #expect(try segment.status().attachmentCount == 2)
      #expect(try segment.inspect().attachments.map(\.count) == [2])
      _ = consume one
      #expect(try segment.status().attachmentCount == 1)
      let byteCount = two.byteCount
      #expect(byteCount == 1)
    }
    let status = try segment.status()
    #expect(status.attachmentCount == 0 && status.lastProcess == getpid())
    #expect(status.lastAttach != nil && status.lastDetach != nil)
  }

  @Test func livesUntilTheLastDetaches() throws {
    let segment = try namespace.createMemorySegment(key: 0x31, byteCount: 64)
    do {
      var memory = try segment.attach()
      try segment.remove()
      var span = memory.mutableBytes
      span[1] = 5
      let status = try segment.status()
      #expect(status.isRemoved && status.key == nil && status.attachmentCount == 1)
      let other = try segment.attachForReading()
      let byte = other.bytes[1]
      #expect(byte == 5)
      let missing = failure { () throws(IPCError) in
        _ = try namespace.openMemorySegment(key: 0x31)
      }
      #expect(missing?.errno == .noEntry)
    }
    let gone = failure { () throws(IPCError) in _ = try segment.status() }
    #expect(gone?.errno == .invalid)
    #expect(try namespace.contents().segments.isEmpty)
  }

  @Test func tellsAndChangesItsStatus() throws {
    let before = Int64(time(nil))
    let segment = try namespace.createMemorySegment(key: 0x32, byteCount: 4097, mode: 0o640)
    var status = try segment.status()
    #expect(status.identifier == segment.identifier && status.key == 0x32)
    #expect(status.byteCount == 4097 && status.mode == 0o640 && status.owner == geteuid())
    #expect(status.creatorProcess == getpid() && status.lastProcess == nil)
    #expect(status.lastAttach == nil && status.lastDetach == nil)
    // The clock of time(2) and the engine's are the same coarse one.
    #expect(status.lastChange >= before && status.lastChange <= Int64(time(nil)))
    try segment.setPermissions(mode: 0o600)
    status = try segment.status()
    #expect(status.mode == 0o600 && status.owner == geteuid())
    let memory = try segment.attach()
    let attachment = try #require(try segment.inspect().attachments.first)
    #expect(attachment.process == getpid() && attachment.count == 1)
    #expect(attachment.since >= before && attachment.since <= Int64(time(nil)))
    let byteCount = memory.byteCount
    #expect(byteCount == 4097)
  }

  @Test func findsSegmentsByKey() throws {
    let key = Key(rawValue: 0x33)
    let segment = try namespace.createMemorySegment(key: key, byteCount: 100)
    #expect(try namespace.openMemorySegment(key: key, byteCount: 100) == segment)
    #expect(try namespace.openOrCreateMemorySegment(key: key, byteCount: 1) == segment)
    let object = IPCError.Object.key(key, of: .memorySegment, directory: box.directory)
    let larger = failure { () throws(IPCError) in
      _ = try namespace.openMemorySegment(key: key, byteCount: 101)
    }
    #expect(larger == IPCError(.open, object, .invalid))
    let twice = failure { () throws(IPCError) in
      _ = try namespace.createMemorySegment(key: key, byteCount: 1)
    }
    #expect(twice == IPCError(.create, object, .exists))
    #expect(try namespace.contents().segments.map(\.state) == [.usable(try segment.status())])
    #expect(namespace.usage().segments == 1 && namespace.usage().segmentPages == 1)
  }

  @Test(arguments: [0, -1, Int.min]) func refusesSizesThatAreNone(byteCount: Int) throws {
    let error = failure { () throws(IPCError) in
      _ = try namespace.makeMemorySegment(byteCount: byteCount)
    }
    #expect(error == IPCError(.create, .new(.memorySegment, directory: box.directory), .invalid))
  }

  @Test(arguments: [0, 32768, -1, Int32.max, Int32.min])
  func callsOnUnknownIdentifiersSayWhich(identifier: Int32) throws {
    let segment = namespace.memorySegment(identifier: identifier)
    let object = IPCError.Object.object(
      .memorySegment, identifier: identifier, directory: box.directory)
    let errors: [(IPCError?, IPCError.Action)] = [
      (failure { () throws(IPCError) in _ = try segment.attach() }, .attach),
      (failure { () throws(IPCError) in _ = try segment.attachForReading() }, .attach),
      (failure { () throws(IPCError) in _ = try segment.status() }, .read),
      (failure { () throws(IPCError) in _ = try segment.inspect() }, .inspect),
      (failure { () throws(IPCError) in try segment.setPermissions(mode: 0) }, .setPermissions),
      (failure { () throws(IPCError) in try segment.setLocked(true) }, .lock),
      (failure { () throws(IPCError) in try segment.remove() }, .remove),
    ]
    for (error, action) in errors { #expect(error == IPCError(action, object, .invalid)) }
  }
}
