#!/usr/bin/env python3
"""Performs System V semaphore operations through libc, as any program does.

  semaphores.py ID OPERATION ...    one semop; OPERATION is SEMNUM,AMOUNT, with `u` for SEM_UNDO

Prints `done` or the errno's name. After `done` with --stay it waits to be killed.
"""

import ctypes
import errno
import signal
import sys

SEM_UNDO = 0x1000


class Sembuf(ctypes.Structure):
  _fields_ = [("num", ctypes.c_ushort), ("op", ctypes.c_short), ("flg", ctypes.c_short)]


def parse(text):
  undo = text.endswith("u")
  number, amount = text.rstrip("u").split(",")
  return Sembuf(int(number), int(amount), SEM_UNDO if undo else 0)


def main(arguments):
  stay = "--stay" in arguments
  words = [word for word in arguments if word != "--stay"]
  libc = ctypes.CDLL(None, use_errno=True)
  operations = [parse(word) for word in words[1:]]
  array = (Sembuf * len(operations))(*operations)
  if libc.semop(int(words[0]), array, len(operations)) == 0:
    print("done", flush=True)
    if stay:
      signal.pause()
    return 0
  print(errno.errorcode[ctypes.get_errno()], flush=True)
  return 1


sys.exit(main(sys.argv[1:]))
