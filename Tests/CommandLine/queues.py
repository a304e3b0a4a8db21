#!/usr/bin/env python3
"""Sends and receives System V messages through libc, as any program does.

  queues.py ID OPERATION ...    in order; OPERATION is send,TYPE,SIZE or receive,TYPE,SIZE, where SIZE is
                                the buffer's and `x` behind TYPE stands for MSG_EXCEPT

Prints `done` or the errno's name.
"""

import ctypes
import errno
import sys

MSG_NOERROR, MSG_EXCEPT = 0o10000, 0o20000


def perform(libc, identifier, text):
  name, kind, size = text.split(",")
  number = int(kind.rstrip("x"))
  buffer = ctypes.create_string_buffer(8 + int(size))
  if name == "send":
    ctypes.c_long.from_buffer(buffer).value = number
    return libc.msgsnd(identifier, buffer, ctypes.c_size_t(int(size)), 0)
  flags = MSG_NOERROR | (MSG_EXCEPT if kind.endswith("x") else 0)
  size = ctypes.c_size_t(int(size))
  return libc.msgrcv(identifier, buffer, size, ctypes.c_long(number), flags)


def main(arguments):
  libc = ctypes.CDLL(None, use_errno=True)
  for text in arguments[1:]:
    if perform(libc, int(arguments[0]), text) < 0:
      print(errno.errorcode[ctypes.get_errno()], flush=True)
      return 1
  print("done", flush=True)
  return 0


sys.exit(main(sys.argv[1:]))
