// A Swift program with the full runtime (classes, closures, tasks) that calls System V semaphores
// through Glibc. An Embedded Swift library is preloaded: its runtime symbols must not replace ours.
import Glibc

final class Counter: @unchecked Sendable {
  var value = 0
  deinit { print("counter released at \(value)") }
}

nonisolated(unsafe) var checked = 0

func check<T: Equatable>(_ what: String, _ got: T, _ wanted: T) {
  guard got == wanted else {
    print("\(what): got \(got), wanted \(wanted)")
    exit(1)
  }
  print("\(what) = \(got)")
  checked += 1
}

@Sendable func operate(_ id: Int32, _ number: UInt16, _ delta: Int16, _ flags: Int32 = 0) -> Int32 {
  var operation = sembuf(sem_num: number, sem_op: delta, sem_flg: Int16(flags))
  return semop(id, &operation, 1) == 0 ? 0 : errno
}

let undo: Int32 = 0x1000

func sameSetFromManyTasks(_ id: Int32) async {
  let counter = Counter()
  await withTaskGroup(of: Void.self) { group in
    for _ in 0..<4 {
      group.addTask {
        for _ in 0..<500 {
          precondition(operate(id, 0, -1, undo) == 0)
          counter.value += 1
          precondition(operate(id, 0, 1, undo) == 0)
        }
      }
    }
  }
  check("tasks excluded each other", counter.value, 2000)
}

let id = semget(key_t(IPC_PRIVATE), 2, IPC_CREAT | 0o600)
check("set", id >= 0, true)
check("set value", semctl_set(id, 0, 1), 0)
check("take", operate(id, 0, -1), 0)
check("would block", operate(id, 0, -1, IPC_NOWAIT), EAGAIN)
check("give back", operate(id, 0, 1), 0)
check("value", semctl_get(id, 0, GETVAL), 1)
check("pid is ours", semctl_get(id, 0, GETPID) == getpid(), true)
await sameSetFromManyTasks(id)
check("still one", semctl_get(id, 0, GETVAL), 1)

var words: [String: [Int]] = [:]
for number in 0..<1000 { words["word \(number % 10)", default: []].append(number) }
check("the runtime works", words.values.map(\.count), Array(repeating: 100, count: 10))
check("remove", semctl_get(id, 0, IPC_RMID), 0)
print("checked \(checked)")
