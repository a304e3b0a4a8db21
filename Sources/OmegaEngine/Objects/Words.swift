/// Words of the header. All but the lock are 64 bits. "L": written under the object's lock, journaled.
public enum Header {
  public static var magic: Int { 0 }  // immutable
  public static var version: Int { 8 }  // immutable
  /// What the layout depends on: the number of semaphores, of bytes. Immutable.
  public static var parameter: Int { 16 }
  public static var identifier: Int { 24 }  // immutable
  public static var key: Int { 32 }  // L: a segment that is marked for removal loses it
  /// State (low 8 bits) and permission generation above: one compare tells that nothing changed. L
  public static var state: Int { 40 }
  public static var uid: Int { 48 }  // L
  public static var gid: Int { 56 }  // L
  public static var cuid: Int { 64 }  // immutable
  public static var cgid: Int { 72 }  // immutable
  public static var mode: Int { 80 }  // L
  public static var ctime: Int { 88 }  // L
  public static var creator: Int { 104 }  // immutable: pid of the creator
  public static var creatorStart: Int { 112 }  // immutable: the creator's `Host.startTime`
  /// The lock: a robust futex word of 32 bits (`ImageLock.swift`).
  public static var lock: Int { 128 }
  public static var journalCount: Int { 192 }  // owner of the lock
  /// 1 while the queues still have to be served for a change that is already committed. L
  public static var needsServe: Int { 200 }
  public static var firstQueue: Int { 208 }  // L: head and tail, as `Links`
  public static var secondQueue: Int { 216 }  // L
  public static var sleeperCount: Int { 232 }  // L
  public static var memberHigh: Int { 240 }  // L: 1 + highest member slot ever used
  public static var waiterHigh: Int { 248 }  // L: 1 + highest waiter slot ever used
  public static var enqueueSequence: Int { 256 }  // L: counts the sleeping calls
  /// Journal entries with memory behind them. Written by the owner of the lock.
  public static var journalClaimed: Int { 264 }
  /// 32 bits, not 0 when anybody but its maker has mapped the image (`Renewal.swift`).
  public static var sharers: Int { 272 }
  /// Number of the file, where its maker has stored it. Immutable.
  public static var inode: Int { 280 }
}

/// Words of a member slot: one process in one object.
public enum Member {
  /// The life word, 32 bits: a robust futex, see `Liveness.swift`. The words at 24 and 32 are
  /// the owner's robust-list node (private addresses; nobody else reads them).
  public static var life: Int { 0 }
  public static var pid: Int { 8 }  // L: 0 for a free slot
  public static var startTime: Int { 16 }  // L: `Host.startTime`
  public static var listPrevious: Int { 24 }
  public static var listNext: Int { 32 }
  /// What the end of the process concerns: bit 0, it used SEM_UNDO in this set, so its end sets otime; of
  /// a segment, how often it has it attached. L
  public static var record: Int { 48 }
}

/// Words of a waiter slot: one sleeping call.
public enum Waiter {
  /// The futex word, 32 bits, see `Sleeping.swift`.
  public static var futex: Int { 0 }
  public static var thread: Int { 4 }  // 32 bits: tid
  /// Low 32 bits: `WaiterStatus`; high 32 bits: the result's errno. L, freed by the sleeper.
  public static var status: Int { 8 }
  public static var owner: Int { 16 }  // pid | member slot << 32
  public static var queueLinks: Int { 24 }  // L: neighbours in the object's queue
  public static var sequence: Int { 56 }  // order of arrival
  /// Arrivals before this one are watched by the sleeper (`Sleeping.swift`).
  public static var armedSequence: Int { 64 }
  public static var since: Int { 72 }  // CLOCK_REALTIME, seconds
  /// The sleeping thread's own robust word, 32 bits: tid | `Futex.waiters`; the kernel adds
  /// `Futex.ownerDied` when that thread ends, for itself or with its process. 0: ask the system.
  public static var life: Int { 84 }
  public static var kicks: Int { 80 }  // 32 bits: see `Section.kickSleeper`. L
}
