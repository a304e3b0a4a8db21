#!/usr/bin/env python3
"""How `omega run` ends, and which signals it passes on.

  passing.py OMEGA    prints `ok NAME` or `not ok NAME: why` for each thing tried
"""

import os
import signal
import subprocess
import sys

PATIENCE = 60  # seconds; a watchdog, no measurement
PASSED = ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "WINCH", "PIPE", "RTMIN"]
failed = False


def report(good, name, why):
  global failed
  failed = failed or not good
  print(f"ok {name}" if good else f"not ok {name}: {why}", flush=True)


def number(name):
  return getattr(signal, f"SIG{name}")


def endings(omega):
  """Popen's returncode is minus the signal that ended the process, else its status."""
  for status in (0, 1, 7, 125, 255):
    got = subprocess.run([omega, "run", "--", "sh", "-c", f"exit {status}"], timeout=PATIENCE)
    report(got.returncode == status, f"run-status-{status}", f"got {got.returncode}")
  for name in ("KILL", "TERM", "SEGV", "ABRT", "USR1", "PIPE"):
    command = [omega, "run", "--", "sh", "-c", f"kill -{name} $$"]
    got = subprocess.run(command, timeout=PATIENCE)
    report(got.returncode == -number(name), f"run-death-{name}", f"got {got.returncode}")


def start(omega, script):
  """Starts it in a session of its own, so that what is sent to omega reaches it alone."""
  process = subprocess.Popen(
    [omega, "run", "--", sys.executable, "-c", script],
    stdout=subprocess.PIPE, text=True, start_new_session=True,
  )
  line = process.stdout.readline()
  assert line == "ready\n", line
  return process


def end_of(process):
  """Its returncode; after the watchdog all of its session is killed and it is None."""
  try:
    return process.wait(PATIENCE)
  except subprocess.TimeoutExpired:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return None


def passing(omega):
  for name in PASSED:
    # sigwait: Python runs handlers between instructions, and pause() could miss one.
    script = (
      "import signal, os\n"
      f"signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number(name))}])\n"
      "print('ready', flush=True)\n"
      f"os._exit(signal.sigwait([{int(number(name))}]) == {int(number(name))} and 42)\n"
    )
    process = start(omega, script)
    process.send_signal(number(name))
    got = end_of(process)
    report(got == 42, f"run-passes-{name}", f"the command did not get it: {got}")
  process = start(omega, "import signal; print('ready', flush=True); signal.pause()")
  process.terminate()
  got = end_of(process)
  report(got == -signal.SIGTERM, "run-passes-deadly", f"ended with {got}")


def inheritance(omega):
  """The command finds the signal mask and the ignored signals that omega was started with."""
  show = ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"]

  def prepare():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])

  def output(command):
    text = subprocess.run(
      command, stdout=subprocess.PIPE, timeout=PATIENCE, preexec_fn=prepare, restore_signals=False
    ).stdout.decode()
    # glibc's posix_spawn leaves its own two signals, 32 and 33, ignored.
    return [int(line.split()[1], 16) & ~(3 << 31) for line in text.splitlines()]

  plain, under = output(show), output([omega, "run", "--"] + show)
  report(plain == under and any(plain), "run-signal-mask", f"{plain} became {under}")


endings(sys.argv[1])
passing(sys.argv[1])
inheritance(sys.argv[1])
sys.exit(1 if failed else 0)
