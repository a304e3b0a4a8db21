#!/usr/bin/env python3
"""Runs a command for which the kernel answers one system call with an errno, as sandboxes do.

  forbid.py CALL ERRNO CMD ...    CALL is the call's number

Ends with status 77 when this machine allows no such filter.
"""

import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
  _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def main(call, number, command):
  instructions = [
    (LOAD, 0, 0, 0),  # the call's number is the first word
    (EQUAL, 0, 1, call),
    (RETURN, 0, 0, ERRNO | number),
    (RETURN, 0, 0, ALLOW),
  ]
  code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
  buffer = ctypes.create_string_buffer(code, len(code))
  program = Program(len(instructions), ctypes.addressof(buffer))
  libc = ctypes.CDLL(None, use_errno=True)
  if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
    PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
  ):
    return 77
  os.execvp(command[0], command)


sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
