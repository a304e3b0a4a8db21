#!/usr/bin/env python3
"""Runs `OMEGA run -- CMD` as a shell's foreground job on a terminal of its own and types at it.

  terminal.py OMEGA DIRECTORY    prints `ok NAME` or `not ok NAME: why` for each thing tried

The session's leader here plays the shell: it puts the job into a process group in the foreground
and waits for stops, as job control does. (A group without such a parent is not stopped at all.)
"""

import fcntl
import os
import pty
import signal
import sys
import time

PATIENCE = 60  # seconds; a watchdog, no measurement


def wait_until(condition):
  end = time.monotonic() + PATIENCE
  while not condition():
    if time.monotonic() > end:
      return False
    time.sleep(0.01)
  return True


def contents(path):
  try:
    with open(path, encoding="ascii") as file:
      return file.read()
  except FileNotFoundError:
    return ""


class Job:
  """A command in the foreground of the terminal whose leader we are."""

  def __init__(self, words):
    self.pid = os.fork()
    if self.pid == 0:
      os.setpgid(0, 0)
      os.tcsetpgrp(0, os.getpid())
      for number in (signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
      os.execv(words[0], words)
    self.foreground()

  def foreground(self):
    try:
      os.setpgid(self.pid, self.pid)
    except PermissionError:
      pass  # It did so itself and has started the program.
    os.tcsetpgrp(0, self.pid)

  def wait(self):
    """Its next stop or end, as the status of waitpid; None if the watchdog bites."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
      pid, status = os.waitpid(self.pid, os.WUNTRACED | os.WNOHANG)
      if pid:
        return status
      time.sleep(0.01)
    os.killpg(self.pid, signal.SIGKILL)
    return None


def shell(omega, directory, report):
  signal.signal(signal.SIGTTOU, signal.SIG_IGN)
  log = os.path.join(directory, "log")

  # Control-C: one SIGINT for the command, although it and omega are in the same group.
  script = f'trap "echo int >>{log}" INT; echo ready >>{log}; read line; exit 5'
  job = Job([omega, "run", "--", "bash", "-c", script])
  started = wait_until(lambda: "ready" in contents(log))
  report("type", b"\x03")
  wait_until(lambda: "int" in contents(log))
  report("type", b"\n")
  status = job.wait()
  count = contents(log).count("int")
  if started and status is not None and os.waitstatus_to_exitcode(status) == 5 and count == 1:
    report("ok", "terminal-interrupt: control-C reaches the command once")
  else:
    report("not ok", f"terminal-interrupt: status {status}, {count} signals")

  # Control-Z: the job is stopped for the shell, and `fg` makes both go on.
  os.unlink(log)
  script = f"echo ready >>{log}; read line; exit 6"
  job = Job([omega, "run", "--", "bash", "-c", script])
  wait_until(lambda: "ready" in contents(log))
  report("type", b"\x1a")
  status = job.wait()
  if status is None or not os.WIFSTOPPED(status):
    report("not ok", f"terminal-stop: the shell saw status {status}, no stop")
    return
  report("ok", "terminal-stop: the shell sees that the job is stopped")
  os.killpg(job.pid, signal.SIGCONT)
  job.foreground()
  report("type", b"\n")
  status = job.wait()
  if status is not None and not os.WIFSTOPPED(status) and os.waitstatus_to_exitcode(status) == 6:
    report("ok", "terminal-continue: the command reads the terminal and ends with its own status")
  else:
    report("not ok", f"terminal-continue: status {status}")


def main(omega, directory):
  reports, write_end = os.pipe()
  leader, terminal = pty.fork()
  if leader == 0:
    os.close(reports)

    def report(kind, text):
      text = text if isinstance(text, bytes) else text.encode()
      os.write(write_end, f"{kind}/{text.hex()}\n".encode())

    try:
      shell(omega, directory, report)
    except OSError as error:
      report("not ok", f"terminal: {error}")
    finally:
      os._exit(0)
  os.close(write_end)
  fcntl.fcntl(terminal, fcntl.F_SETFL, fcntl.fcntl(terminal, fcntl.F_GETFL) | os.O_NONBLOCK)
  waiting, failed, results = b"", False, 0
  while True:
    data = os.read(reports, 4096)
    if not data:
      break
    waiting += data
    while b"\n" in waiting:
      message, waiting = waiting.split(b"\n", 1)
      kind, text = message.decode().split("/")
      if kind == "type":
        os.write(terminal, bytes.fromhex(text))
        continue
      results += 1
      failed = failed or kind == "not ok"
      print(kind, bytes.fromhex(text).decode(), flush=True)
  os.waitpid(leader, 0)
  if results == 0:
    print("not ok terminal: no result")
  return 1 if failed or results == 0 else 0


sys.exit(main(sys.argv[1], sys.argv[2]))
