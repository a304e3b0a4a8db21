"""The `sysv_ipc` module from PyPI, as a Python program uses it: timeouts, undo, threads, fork.

Prints what it saw (the caller compares kernel and drop-in) and ends with "checked N".
"""

import errno
import faulthandler
import os
import signal
import sys
import threading
import time

import sysv_ipc

checked = 0

# The prebuilt wheels of sysv_ipc lack semtimedop; a build from source has it.
HAS_TIMEOUT = sysv_ipc.SEMAPHORE_TIMEOUT_SUPPORTED
LONG_TIMEOUT = 30 if HAS_TIMEOUT else None


def check(what, got, wanted):
    global checked
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")
    print(f"{what} = {got!r}", flush=True)
    checked += 1


def raises(exception, action):
    try:
        action()
    except exception as error:
        return type(error).__name__
    return "nothing"


def wait_until(condition):
    while not condition():  # the watchdog below ends a hang
        time.sleep(0.001)


def child(body):
    """Runs body in a forked process; its integer result is the exit status."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(90)  # alarms are not inherited
        status = 1
        try:
            status = body()
        finally:
            os._exit(status)
    return pid


def wait_for(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def values_and_errors():
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=3)
    check("initial value", semaphore.value, 3)
    check("mode", oct(semaphore.mode), "0o600")
    check("uid is ours", semaphore.uid == os.geteuid(), True)
    semaphore.acquire()
    check("after acquire", semaphore.value, 2)
    semaphore.acquire(delta=2)
    check("after acquire of two", semaphore.value, 0)
    check("last pid is ours", semaphore.last_pid == os.getpid(), True)
    if HAS_TIMEOUT:
        check("timeout", raises(sysv_ipc.BusyError, lambda: semaphore.acquire(0.02)), "BusyError")
        check("no wait", raises(sysv_ipc.BusyError, lambda: semaphore.acquire(0)), "BusyError")
    semaphore.block = False
    check("would block", raises(sysv_ipc.BusyError, semaphore.acquire), "BusyError")
    semaphore.block = True
    semaphore.release(delta=5)
    check("after release of five", semaphore.value, 5)
    semaphore.block = False
    check("zero not there", raises(sysv_ipc.BusyError, semaphore.Z), "BusyError")
    semaphore.block = True
    semaphore.value = 0
    semaphore.Z()
    check("zero", semaphore.value, 0)
    check(
        "out of range", raises(ValueError, lambda: setattr(semaphore, "value", 40000)), "ValueError"
    )
    check("otime is set", semaphore.o_time > 0, True)
    semaphore.mode = 0o640
    check("mode changed", oct(semaphore.mode), "0o640")
    semaphore.remove()
    check("removed", raises(sysv_ipc.ExistentialError, lambda: semaphore.value), "ExistentialError")


def keys():
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    key = semaphore.key
    again = sysv_ipc.Semaphore(key)
    check("same id by key", again.id == semaphore.id, True)
    check(
        "exclusive",
        raises(sysv_ipc.ExistentialError, lambda: sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX)),
        "ExistentialError",
    )
    again.release()
    check("one object", semaphore.value, 1)
    semaphore.remove()
    check(
        "key free",
        raises(sysv_ipc.ExistentialError, lambda: sysv_ipc.Semaphore(key)),
        "ExistentialError",
    )


def sleepers():
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    pid = child(lambda: semaphore.acquire(LONG_TIMEOUT, 2) or 21)
    wait_until(lambda: semaphore.waiting_for_nonzero == 1)
    semaphore.release()
    check("one is not enough", semaphore.waiting_for_nonzero, 1)
    semaphore.release()
    check("sleeper returned", wait_for(pid), 21)
    check("pid of the sleeper", semaphore.last_pid == pid, True)

    semaphore.value = 1
    pid = child(lambda: semaphore.Z() or 22)
    wait_until(lambda: semaphore.waiting_for_zero == 1)
    semaphore.acquire()
    check("waiter for zero returned", wait_for(pid), 22)

    def removed():
        try:
            semaphore.acquire()
        except sysv_ipc.ExistentialError:
            return 23
        return 1

    pid = child(removed)
    wait_until(lambda: semaphore.waiting_for_nonzero == 1)
    semaphore.remove()
    check("sleeper saw the removal", wait_for(pid), 23)


def undo():
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1)
    ready = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    semaphore.undo = True

    def holder(end):
        semaphore.acquire()
        ready.release()
        end()
        return 0

    pid = child(lambda: holder(lambda: None))
    ready.acquire()
    check("holder's exit", wait_for(pid), 0)
    check("undone at exit", semaphore.value, 1)

    pid = child(lambda: holder(lambda: time.sleep(60)))
    ready.acquire()
    check("held", semaphore.value, 0)
    sleeper = child(lambda: semaphore.acquire() or 24)
    wait_until(lambda: semaphore.waiting_for_nonzero == 1)
    os.kill(pid, signal.SIGKILL)
    check("holder's death", wait_for(pid), -signal.SIGKILL)
    check("death let the sleeper go on", wait_for(sleeper), 24)
    check("and undid it too", semaphore.value, 1)

    # A forked child starts with an empty undo list: its exit gives back nothing of its parent's.
    semaphore.acquire()
    check("child of a holder", wait_for(child(lambda: 25)), 25)
    check("parent still holds", semaphore.value, 0)
    semaphore.release()
    semaphore.remove()
    ready.remove()


def threads():
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1)
    counter = [0]

    def work():
        for _ in range(500):
            with semaphore:
                value = counter[0]
                if value % 50 == 0:
                    time.sleep(0)  # lets others in, if the semaphore does
                counter[0] = value + 1

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    check("threads excluded each other", counter[0], 4000)
    check("semaphore is free", semaphore.value, 1)

    # The undo list belongs to the process: a thread's end undoes nothing.
    semaphore.undo = True
    thread = threading.Thread(target=semaphore.acquire)
    thread.start()
    thread.join()
    check("thread ended, still held", semaphore.value, 0)
    semaphore.remove()


def processes():
    """Many processes, one counter in a file, guarded by the semaphore."""
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1)
    read_end, write_end = os.pipe()
    os.write(write_end, (0).to_bytes(4, "little"))

    def work():
        for _ in range(300):
            semaphore.acquire()
            value = int.from_bytes(os.read(read_end, 4), "little")
            os.write(write_end, (value + 1).to_bytes(4, "little"))
            semaphore.release()
        return 0

    pids = [child(work) for _ in range(6)]
    check("workers", [wait_for(pid) for pid in pids], [0] * 6)
    check("processes excluded each other", int.from_bytes(os.read(read_end, 4), "little"), 1800)
    semaphore.remove()


def interrupted():
    """A handled signal ends a sleep with EINTR (which the module passes on)."""
    semaphore = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)

    def body():
        signal.signal(signal.SIGUSR1, lambda *_: None)
        try:
            semaphore.acquire()
        except (sysv_ipc.Error, OSError) as error:
            return (
                26
                if "signal" in str(error).lower() or getattr(error, "errno", 0) == errno.EINTR
                else 2
            )
        return 1

    pid = child(body)
    wait_until(lambda: semaphore.waiting_for_nonzero == 1)
    os.kill(pid, signal.SIGUSR1)
    check("interrupted sleeper", wait_for(pid), 26)
    check("nobody waits", semaphore.waiting_for_nonzero, 0)
    semaphore.remove()


faulthandler.dump_traceback_later(100, exit=True)
for part in (values_and_errors, keys, sleepers, undo, threads, processes, interrupted):
    part()
if not HAS_TIMEOUT:
    print("without timeouts")
print(f"checked {checked}")
