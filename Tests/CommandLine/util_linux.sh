# shellcheck shell=bash
# ipcs, lsipc, ipcmk and ipcrm under `omega run` and what `omega` says of the same namespace: sourced
# by run.

in_run() { try "$omega" run --namespace "$OMEGA_NAMESPACE" -- "$@"; }

# same NAME WHAT TEXT TEXT: the texts of the two sides.
same() {
  if [[ -n $3 && $3 == "$4" ]]; then ok "$1: $2"; else
    not_ok "$1: $2 differs"
    diff <(echo "$3") <(echo "$4") >"$omega_scratch/same.diff" || true
    show_file "$omega_scratch/same.diff"
  fi
}

omega_rows() { "$omega" ls -s --namespace "$OMEGA_NAMESPACE" | awk '{ print $1, $2, $3, $4, $5 }'; }

# As `omega ls -s` does: key, id, permissions, owner, number of semaphores.
test_util_linux_lists() {
  local key=$((0x51000000 + ($$ & 0xffff)))
  new_namespace
  in_run ipcs -s
  expect ipcs-empty 0 '^key +semid +owner +perms +nsems' && ! grep -q ^0x "$out" ||
    not_ok 'ipcs-empty: lists something'
  in_run ipcmk -S 3
  expect ipcmk 0 '^Semaphore id: 0$'
  in_namespace "$omega" mk -S 32000 --key $key --mode 604
  in_run ipcmk -S 1 --mode 7
  in_run ipcmk -S 2
  in_namespace "$omega" rm 2
  # More than a directory's order happens to keep in order.
  in_run perl -e 'semget($_, $_ % 9 + 1, 01640) // die for 5000 .. 5299'
  expect util-linux-many 0
  same lsipc 'the table' "$(omega_rows)" \
    "$(in_run lsipc -s && awk '{ print $1, $2, $3, $4, $5 }' "$out")"
  same ipcs 'ids, owners and sizes' "$(omega_rows | awk 'NR > 1 { print $1, $2, $4, $5 }')" \
    "$(in_run ipcs -s && awk '/^0x/ { print $1, $2, $3, $5 }' "$out")"
  same ipcs-all 'ids' "$(omega_rows | awk 'NR > 1 { print $2 }')" \
    "$(in_run ipcs -a && awk '/Semaphore/ { on = 1 } on && /^0x/ { print $2 }' "$out")"
  # The same by the system calls alone.
  same proc 'identifiers of SEM_STAT_ANY' \
    "$(in_run perl -e 'my $d = "\0" x 200; my $p = unpack "J", pack "p", $d;
      for (0 .. 400) { my $i = semctl($_, 0, 20, $p); print $i + 0, "\n" if defined $i }' &&
      cat "$out")" \
    "$(in_run awk 'NR > 1 { print $2 }' /proc/sysvipc/sem && cat "$out")"
  in_run ipcs -s
  expect ipcs-octal 0 "^0x$(printf %08x $key) 1 +root +604 +32000" ' 3 +[^ ]+ +644 +2 *$'
  in_run ipcs -u
  same ipcs-used 'sets and semaphores' \
    "$("$omega" limits --namespace "$OMEGA_NAMESPACE" | awk '
      $1 == "SEMMNI" { sets = $3 } $1 == "SEMMNS" { all = $3 } END { print sets, all }')" \
    "$(awk '/used arrays/ { sets = $4 } /allocated semaphores/ { print sets, $4 }' "$out")"
  if grep -qw "$(printf %d $key)" /proc/sysvipc/sem 2>/dev/null; then
    not_ok 'ipcs-outside: the kernel has the key'
  else
    ok 'ipcs-outside: without omega the kernel shows its own'
  fi
}

test_util_linux_one() {
  new_namespace
  in_namespace "$omega" mk -S 3 --mode 640
  in_run perl -e 'semop(0, pack "s!3s!3s!3", 0, 5, 0, 1, 7, 0, 2, 0, 0) || die'
  in_run ipcs -s -i 0
  expect ipcs-one 0 '^mode=0640, access_perms=0640' '^nsems = 3' '^0 +5 +0 +0 ' '^1 +7 +0 +0 ' \
    '^2 +0 +0 +0 '
  if grep -q 'otime = Not set' "$out"; then not_ok 'ipcs-one: no time of the last operation'; fi
  in_run lsipc -s -i 0
  expect lsipc-one 0 '^Permissions: +rw-r-----' '^Semaphores: +3' '^ +0 +5 +0 +0 ' '^ +1 +7 +0 +0 '
  in_run ipcs -s -i 1
  expect ipcs-none 0 'id 1 not found'
}

test_util_linux_limits() {
  new_namespace
  in_namespace "$omega" limits --set semmsl=10,semmns=100,semopm=5,semmni=7 \
    --set msgmax=65536,msgmnb=32768,msgmni=9,shmmax=1048576,shmall=2048,shmmni=11
  in_run ipcs -l
  expect ipcs-limits 0 '^max queues system wide = 9$' '^max size of message .bytes. = 65536$' \
    '^default max size of queue .bytes. = 32768$' '^max number of segments = 11$' \
    '^max seg size .kbytes. = 1024$' '^max total shared memory .kbytes. = 8192$' \
    '^max number of arrays = 7$' '^max semaphores per array = 10$' \
    '^max semaphores system wide = 100$' '^max ops per semop call = 5$'
  in_run lsipc --bytes
  expect lsipc-limits 0 '^MSGMNI .* 9 ' '^MSGMAX .* 65536 ' '^MSGMNB .* 32768 ' '^SHMMNI .* 11 ' \
    '^SHMALL .* 2048 ' '^SHMMAX .* 1048576 ' '^SEMMNI .* 7 ' '^SEMMNS .* 100 ' '^SEMMSL .* 10 ' \
    '^SEMOPM .* 5 '
  in_run sh -c 'cat /proc/sys/kernel/shm_rmid_forced /proc/sys/kernel/sem_next_id'
  same proc-rest 'the defaults' "$(printf '0\n-1')" "$(<"$out")"
  # Setting is not for programs, and does not reach the kernel.
  local before
  before=$(cat /proc/sys/kernel/msgmni 2>/dev/null || true)
  in_run sh -c 'echo 12345 >/proc/sys/kernel/msgmni'
  expect proc-write 2 'Permission denied'
  if [[ $(cat /proc/sys/kernel/msgmni 2>/dev/null || true) == "$before" ]]; then
    ok proc-write-kernel
  else
    not_ok 'proc-write-kernel: the limit of the kernel was changed'
  fi
}

test_util_linux_remove() {
  local number
  new_namespace
  for number in 1 2 3 4; do in_namespace "$omega" mk -S 1 --key $number; done
  in_run ipcrm -s 1
  expect ipcrm-id 0
  in_run ipcrm -S 3
  expect ipcrm-key 0
  same ipcrm 'what is left' "$(printf 'KEY\n0x00000001\n0x00000004')" "$(omega_rows | cut -d' ' -f1)"
  in_run ipcrm -s 1
  expect ipcrm-gone 1 'invalid id'
  in_run ipcrm --all=sem
  expect ipcrm-all 0
  same ipcrm-all 'nothing is left' KEY "$(omega_rows | cut -d' ' -f1)"
}

# msgctl's MSG_STAT_ANY is asked by Perl.
test_util_linux_queues() {
  new_namespace
  in_run ipcmk -Q --mode 640
  expect ipcmk-queue 0 '^Message queue id: 0$'
  in_run perl -e 'for (1 .. 99) { my $q = msgget($_, 01604) // die; msgsnd $q, pack("l!a$_", 1, ""), 0
    or die for 1 .. $_ % 5 }'
  expect util-linux-queues 0
  same ipcs-queues 'ids, bytes and messages' \
    "$(in_run perl -e 'my $d = "\0" x 200; my $p = unpack "J", pack "p", $d;
      for (0 .. 200) { my $i = msgctl $_, 13, $p; my @f = unpack "x72L!L!", $d;
      print $i + 0, " @f\n" if defined $i }' && cat "$out")" \
    "$(in_run ipcs -q && awk '/^0x/ { print $2, $5, $6 }' "$out")"
  in_run lsipc -q --bytes
  expect lsipc-queues 0 '^0x[0-9a-f]+ 0 +rw-r----- +[^ ]+ +0 +0 ' '^0x00000004 4 .* 10 +4 '
  in_run ipcs -q -i 4
  expect ipcs-queue 0 '^cbytes=10[[:space:]]+qbytes=16384[[:space:]]+qnum=4'
  in_run ipcrm -q 0 -Q 4
  in_run ipcs -q
  same ipcrm-queues 'what is left' 98 "$(grep -c ^0x "$out")"
  in_run ipcrm --all=msg
  in_run ipcs -q
  same ipcrm-all-queues 'nothing is left' 0 "$(grep -c ^0x "$out")"
}

if need_package lsipc util-linux && have ipcs && have ipcmk && have ipcrm &&
  need_package perl perl; then
  test_util_linux_lists
  test_util_linux_one
  test_util_linux_limits
  test_util_linux_remove
  test_util_linux_queues
else
  skip "util-linux: ${need_why:-ipcs, ipcmk or ipcrm is missing}"
fi
