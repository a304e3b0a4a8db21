# shellcheck shell=bash
# ls, show, mk, rm and limits on memory segments: sourced by run.

# Attaches segment ID so many times in the background and stays; $! is it.
segment_program() { # ID TIMES
  env OMEGA_IPC_NAMESPACE="$OMEGA_NAMESPACE" LD_PRELOAD="$OMEGA_LIBRARY" python3 -c '
import ctypes, signal, sys
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for turn in range(int(sys.argv[2])):
  assert libc.shmat(int(sys.argv[1]), None, 0) not in (None, ctypes.c_void_p(-1).value)
print("attached", flush=True)
signal.pause()' "$@" >"$omega_scratch/segment" 2>&1 &
}

test_segment_list() {
  local wrong
  new_namespace
  in_namespace "$omega" mk -M 5000
  expect segment-mk 0 '^0$'
  in_namespace "$omega" mk -M 64K --key 0x51000001 --mode 640
  expect segment-mk-key 0 '^1$'
  in_namespace "$omega" mk --shmem 1 --key 0x51000001
  expect segment-mk-key-taken 1 'key 0x51000001 in /.*: segment 1 has it' \
    'omega rm -m --key 0x51000001'
  in_namespace "$omega" ls
  expect segment-ls 0 '^Memory segments$' \
    '^KEY +ID +PERMS +OWNER +SIZE +NATTCH +STATUS +LPID +ATTACHED$' \
    '^0x00000000 +0 +rw-r--r-- +[^ ]+ +5000 +0 +- +0 +-$' '^0x51000001 +1 +rw-r----- .* 65536 '
  in_namespace "$omega" ls --json
  expect_json segment-ls-json '[(s["id"], s["segsz"], s["nattch"], s["removed"])
    for s in d["segments"]] == [(0, 5000, 0, False), (1, 65536, 0, False)]'
  in_namespace "$omega" limits
  expect segment-limits 0 '^SHMALL +[0-9]+ +18 ' '^SHMMNI +4096 +2 '
  in_namespace "$omega" limits --set shmmax=100
  in_namespace "$omega" mk -M 101
  expect segment-mk-large 1 'SHMMAX allows 100 bytes' 'limits --set shmmax='
  for wrong in '-M 0' '-M x' '-M 1KB' '-M 1 -Q' '-M -1'; do
    # shellcheck disable=SC2086 # words
    in_namespace "$omega" mk $wrong
    expect "segment-mk-wrong $wrong" 64 'Error'
  done
}

test_segment_show() {
  local program
  new_namespace
  in_namespace "$omega" mk -M 4097 --key 81
  in_namespace "$omega" show 0x51
  expect segment-show 0 '^segment 0, 4097 bytes, attached 0 times$' '^  attached +never$' \
    '^Nobody has it attached'
  segment_program 0 2
  program=$!
  wait_for grep -q attached "$omega_scratch/segment" || not_ok 'segment-show: not attached'
  in_namespace "$omega" show 0
  expect segment-show-attached 0 '^segment 0, 4097 bytes, attached 2 times$' \
    '^1 process has it attached' "^ *$program +python3 +[0-9:]+ \\([0-9]+ s\\) +2$"
  in_namespace "$omega" rm -m 0
  expect segment-rm 0
  in_namespace "$omega" ls -m
  expect segment-ls-removed 0 '^0x00000000 +0 .* 4097 +2 +dest '
  in_namespace "$omega" show 0 --json
  expect_json segment-show-json "d['removed'] and d['nattch'] == 2 and d['key'] == '0x00000000'
    and [(p['pid'], p['attachments']) for p in d['processes']] == [($program, 2)]
    and abs(d['processes'][0]['since'] - d['atime']) <= 1"
  kill -9 "$program"
  wait "$program" 2>/dev/null || true
  in_namespace "$omega" ls --json
  expect_json segment-gone 'd["segments"] == []'
  in_namespace "$omega" show -m 0
  expect segment-show-missing 1 'segment 0 in /.*: there is no such segment' 'omega ls -m'
}

test_segment_list
test_segment_show
