/// What a simulated thread is doing.
enum ThreadStatus: UInt8 {
  /// There is none in this place.
  case absent
  /// Between calls.
  case idle
  /// Inside a call, at a point before an access.
  case ready
  /// Asleep on its waiter's word and its watch list.
  case sleeping
  /// In the bounded wait for the set's lock.
  case waitingForLock
  /// Never runs again; its robust words are marked.
  case dead
}

/// What a thread is about to do at a point.
package enum Access: UInt8, Sendable {
  case none
  case load
  case store
  case exchange
  case wake
  case sleep
  /// A question to the system, a change of the robust list, a pause.
  case system
}

/// A thread. Plain data without references, like all of `WorldState`, so that it can be saved and
/// restored as bytes.
struct SimulatedThread {
  var status = ThreadStatus.absent
  var access = Access.none
  /// Only the owner of the lock touches this word, so no other thread can tell when it is accessed.
  var isPrivateAccess = false
  /// The access can matter to those who find the image after the thread's death.
  var isKillPoint = false
  var wakeReason = WakeReason.woken
  /// It asked to look around from time to time, because its watch list is incomplete.
  var looksAround = false
  var hasResult = false
  /// Stopped by a test, and not to go on by itself (Stopping.swift).
  var isHeld = false
  /// It looks again only after another thread has stored something.
  var waitsForStore = false
  /// What it read in this turn of such a loop; more than there is room for when the count says so.
  var reads = InlineArray<24, Int>(repeating: 0)
  var readCount = 0
  /// Turns that the call has waited for the end of others' sections.
  var turns = 0
  var process = 0
  var tid: UInt32 = 0
  var offset = 0
  /// What the instruction that it is in will store, and where: −1 for nowhere.
  var storesTo = -1
  var storedValue: UInt64 = 0
  /// Depth of sections: no signal handler runs while it is not 0.
  var masked = 0
  /// The robust list: the pending word, −1 for none, and the life words armed by this thread.
  var pendingWord = -1
  var armed = InlineArray<4, Int>(repeating: -1)
  /// Words it waits on, −1 where a wake has taken it off that word already, and since when.
  var waits = InlineArray<16, Int>(repeating: -1)
  var waitCount = 0
  var ticket = 0
  var deadline = Int64.max
  /// Digest of everything the current call has read: with the call, it determines the local state.
  var history: UInt64 = 0
  var call = Call()
  var result: Int32 = 0
  /// The program that the thread runs by itself, call after call (Explorer.swift, Schedule.swift).
  var program = -1
  var position = 0
  /// Digest of the results of the program's calls so far.
  var results: UInt64 = 0

  /// The message that the last call received, and its type.
  var received: UInt64 = 0
  var receivedType: Int64 = 0
  var receivedTorn = false
  /// What each of the program's first calls received, 0 for nothing.
  var receipts = InlineArray<4, UInt64>(repeating: 0)

  /// Bit n: the program's call n succeeded.
  var succeeded: UInt64 = 0

  /// Whether its stack is in the middle of a call.
  var isInCall: Bool { status == .ready || status == .sleeping || status == .waitingForLock }
}

/// A process: what the Linux layer keeps in its handle of the object.
struct SimulatedProcess {
  var pid: UInt32 = 0
  var startTime: UInt64 = 0
  var hasEnded = true
  var member = -1
  var hasRecord = false
  var undoBusy = false
  var uid: UInt32 = 0
  /// The permission generation for which it was authorized, and the rights that it has.
  var authorized: UInt64 = 0
  var granted: UInt32 = 0
  /// It takes the cell for its next message along with each it sends (MessageFast.swift).
  var popsAhead = false
}

/// A call of a simulated thread. Operations stand in memory that lives as long as the world.
struct Call {
  enum Kind: UInt8 {
    case operate, setValue, setAll, getValue, getPid, getAll, countIncrease, countZero, remove
    case setPermissions, status, leave
    case send, receive, peek, setQueue
  }
  var kind = Kind.operate
  /// First word in the world's store of operations (or values, for SETALL) and their number.
  var first = 0
  var count = 0
  var semaphore = 0
  var value = 0
  /// Relative, nanoseconds; nil waits for ever.
  var timeout: Int64?
  /// A message's type, what a receiver asks for, a position, or msg_qbytes.
  var type: Int64 = 0
  /// The message that is sent: which one, and its size; or the receiver's room.
  var message: UInt64 = 0
  var byteCount = 0
  var flags: Int32 = 0
}
