# shellcheck shell=bash
# ls, show, mk, rm and limits on objects that are in order: sourced by run.

test_empty() {
  new_namespace
  in_namespace "$omega" ls
  expect ls-empty 0 '^Nothing in /'
  in_namespace "$omega" ls -s
  expect ls-empty-sets 0 '^KEY +ID +PERMS +OWNER +NSEMS +WAITING +UNDO +LAST-OP$'
  in_namespace "$omega" ls --json
  expect_json ls-empty-json 'd["semaphores"] == [] and d["queues"] == []
    and d["foreign"] == []'
  if [[ -z $(ls -A "$OMEGA_NAMESPACE") ]]; then ok 'ls-makes-nothing'; else
    not_ok 'ls-makes-nothing: looking made a file'
  fi
  try "$omega" ls --namespace "$omega_scratch/none"
  expect ls-missing 1 'none: No such file' 'omega mk'
  mkdir "$omega_scratch/documents"
  touch "$omega_scratch/documents/letter"
  for command in 'ls' 'mk -S 1'; do
    # shellcheck disable=SC2086 # words
    try "$omega" $command --namespace "$omega_scratch/documents"
    expect "${command%% *}-no-namespace" 1 'is not a namespace: it holds letter' 'DIR'
  done
}

test_make_and_list() {
  new_namespace
  in_namespace "$omega" mk -S 3
  expect mk 0 '^0$'
  in_namespace "$omega" mk -S 2 --key 0x51000001 --mode 640
  expect mk-key 0 '^1$'
  in_namespace "$omega" mk -S 2 --key 0x51000001
  expect mk-key-taken 1 'key 0x51000001 in /.*: set 1 has it' 'omega rm -s --key 0x51000001'
  in_namespace "$omega" ls
  expect ls 0 '^0x00000000 +0 +rw-r--r-- +[^ ]+ +3 +0 +0 +-$' '^0x51000001 +1 +rw-r----- +[^ ]+ +2 '
  in_namespace "$omega" ls --json
  expect_json ls-json '[s["id"] for s in d["semaphores"]] == [0, 1]
    and d["semaphores"][1]["permissions"]["mode"] == "0640"
    and d["semaphores"][1]["key"] == "0x51000001"'
  for wrong in '-S 0' '-Q -S 1' '-S x' '-S 32001' '-S 1 --mode 888' '-S 1 --key none' ''; do
    # shellcheck disable=SC2086
    in_namespace "$omega" mk $wrong
    expect "mk-wrong ${wrong:-(nothing)}" 64 'Error'
  done
}

# A set with a holder of adjustments and two sleepers.
test_show() {
  new_namespace
  in_namespace "$omega" mk -S 3 --key 81
  local programs=() words
  for words in '--stay 0 1,2u 2,1u' '0 0,-5' '0 2,1u 1,0'; do
    # (not a function, whose process would be another one)
    # shellcheck disable=SC2086
    env OMEGA_IPC_NAMESPACE="$OMEGA_NAMESPACE" LD_PRELOAD="$OMEGA_LIBRARY" \
      python3 "$here/semaphores.py" $words >"$omega_scratch/program-${#programs[@]}" 2>&1 &
    programs+=("$!")
    if ((${#programs[@]} == 1)); then wait_for grep -q done "$omega_scratch/program-0"; fi
  done
  two_wait() {
    OMEGA_IPC_NAMESPACE=$OMEGA_NAMESPACE "$omega" ls | grep -E '^0x00000051 +0 .* 3 +2 +1 +[0-9:]+$'
  }
  if wait_for two_wait; then ok ls-waiting; else
    not_ok 'ls-waiting: no two waiting calls and one holder'
    in_namespace "$omega" ls
    show_file "$out"
  fi
  in_namespace "$omega" show 0
  expect show 0 "^ +1 +2 +0 +1 +${programs[0]} +python3" \
    "^ *${programs[1]} +python3 .*\[0\] -5 +\[0\] to reach 5" \
    "^ *${programs[2]} +python3 .*\[1\] zero +\[1\] to be 0" \
    'in one step of 2: \[2\] \+1 undo, \[1\] zero' \
    "^ *${programs[0]} +python3 +\[1\] -2, \[2\] -1"
  in_namespace "$omega" show 0x51 --json
  expect_json show-json "d['undo'] == [{'pid': ${programs[0]}, 'command': 'python3', 'adjustments':
    [{'semaphore': 1, 'amount': -2}, {'semaphore': 2, 'amount': -1}]}]
    and sorted(w['pid'] for w in d['waiting']) == sorted([${programs[1]}, ${programs[2]}])
    and [s['value'] for s in d['semaphores']] == [0, 2, 1]"
  # The holder dies: its adjustments are undone, the sleeper for zero is let go.
  kill -9 "${programs[0]}"
  wait "${programs[0]}" 2>/dev/null || true
  if wait_for grep -q done "$omega_scratch/program-2"; then ok 'show: the sleeper was let go'; else
    not_ok 'show: the sleeper was not let go'
    kill -9 "${programs[2]}"
  fi
  wait "${programs[2]}" || true
  in_namespace "$omega" rm 0
  expect rm-waiting 0
  wait_for grep -q . "$omega_scratch/program-1" || kill -9 "${programs[1]}"
  wait "${programs[1]}" || true
  if grep -q EIDRM "$omega_scratch/program-1"; then ok 'rm-wakes: the sleeper got EIDRM'; else
    not_ok "rm-wakes: the sleeper got $(<"$omega_scratch/program-1")"
  fi
  in_namespace "$omega" show 0
  expect show-missing 1 'id 0 in /.*: no object has it' 'omega ls'
  in_namespace "$omega" show -s 0
  expect show-missing-set 1 'set 0 in /.*: there is no such set' 'omega ls -s'
  in_namespace "$omega" show 0x51
  expect show-missing-key 1 'key 0x00000051 in /.*: no object has it' 'omega ls'
  in_namespace "$omega" show x
  expect show-wrong 1 'is not an id' 'omega ls'
}

test_show_large() {
  new_namespace
  in_namespace "$omega" mk -S 32000
  in_namespace "$omega" show 0
  expect show-large 0 '^ *0-31999 +0 +0 +0 +-$'
  if (($(wc -l <"$out") < 20)); then ok 'show-large: a screenful'; else
    not_ok "show-large: $(wc -l <"$out") lines"
  fi
}

test_remove() {
  local number
  new_namespace
  for number in 1 2 3 4 5 6; do in_namespace "$omega" mk -S 1 --key $number; done
  in_namespace "$omega" rm 0 1
  expect rm-ids 0
  in_namespace "$omega" rm --key 3 --key 0x4
  expect rm-keys 0
  in_namespace "$omega" rm 77 4
  expect rm-some 1 'id 77 in /.*: no object has it' 'omega ls'
  in_namespace "$omega" ls --json
  expect_json rm-left '[s["key"] for s in d["semaphores"]] == ["0x00000006"]'
  in_namespace "$omega" rm --all
  expect rm-all 0 '^removed set 5$'
  in_namespace "$omega" ls --json
  expect_json rm-all-empty 'd["semaphores"] == []'
  in_namespace "$omega" rm --all
  expect rm-all-again 0
  for wrong in '' '5 --all' '--all --owner root' '--key none' '--owner omega-nobody-at-all'; do
    # shellcheck disable=SC2086
    in_namespace "$omega" rm $wrong
    expect "rm-wrong ${wrong:-(nothing)}" 64 'Error'
  done
}

test_limits() {
  new_namespace
  in_namespace "$omega" limits
  expect limits 0 '^SEMMSL +32000 ' '^SEMMNS +1024000000 +0 ' '^SEMOPM +500 ' '^SEMMNI +32000 +0 ' \
    '^MSGMAX +8192 ' '^MSGMNB +16384 ' '^MSGMNI +32000 ' '^SHMMAX +18446744073692774399 ' \
    '^SHMALL +18446744073692774399 ' '^SHMMNI +4096 '
  in_namespace "$omega" limits --set semmsl=10,semmni=2 --set semopm=3
  expect limits-set 0
  in_namespace "$omega" limits --json
  expect_json limits-json '(d["semmsl"]["value"], d["semmni"]["value"], d["semopm"]["value"],
    d["semmns"]["value"]) == (10, 2, 3, 1024000000)'
  in_namespace "$omega" mk -S 11
  expect limits-hold-semmsl 1 'SEMMSL allows 10' 'limits --set semmsl=11'
  in_namespace "$omega" mk -S 10
  in_namespace "$omega" mk -S 10
  in_namespace "$omega" mk -S 10
  expect limits-hold-semmni 1 'would pass the limit SEMMNI: 2 sets' 'omega rm -s ID' \
    'limits --set semmni=N'
  in_namespace "$omega" limits --set semmni=default,semmns=25
  in_namespace "$omega" mk -S 10
  expect limits-hold-semmns 1 'would pass the limit SEMMNS: 25 semaphores' 'limits --set semmns=N'
  in_namespace "$omega" limits --set msgmni=1,shmmni=3,shmall=4
  in_namespace "$omega" mk -Q
  in_namespace "$omega" mk -Q
  expect limits-hold-msgmni 1 'would pass the limit MSGMNI: 1 queue$' 'omega rm -q ID'
  in_namespace "$omega" mk -M 12K
  in_namespace "$omega" mk -M 8K
  expect limits-hold-shmall 1 'would pass the limit SHMALL: 4 pages' 'omega rm -m ID'
  in_namespace "$omega" limits
  expect limits-width 0 '^SHMALL +4 +3 +no limit ' '^SEMVMX .* same '
  if (($(wc -L <"$out") <= 80)); then ok 'limits-width: 80 columns'; else
    not_ok "limits-width: $(wc -L <"$out") columns"
  fi
  in_namespace "$omega" limits --set semmns=default,semmni=2,msgmni=default \
    --set shmmni=default,shmall=default
  if [[ $(under_omega python3 "$here/semaphores.py" 0 0,1 0,1 0,1 0,1) == E2BIG ]]; then
    ok limits-hold-semopm
  else
    not_ok 'limits-hold-semopm: four operations were taken'
  fi
  # A file as an older version wrote it keeps what it has; the rest are the defaults.
  echo '10 1024000000 3 2' >"$OMEGA_NAMESPACE/limits"
  in_namespace "$omega" limits
  expect limits-old-file 0 '^SEMMSL +10 ' '^SEMMNI +2 ' '^MSGMAX +8192 ' '^SHMMNI +4096 '
  in_namespace "$omega" limits --set msgmax=65536,msgmnb=1000000,msgmni=7 \
    --set shmmax=9000000000,shmall=3,shmmni=32768
  expect limits-set-others 0
  if [[ $(<"$OMEGA_NAMESPACE/limits") == '10 1024000000 3 2 65536 1000000 7 9000000000 3 32768' ]]
  then
    ok limits-file
  else
    not_ok "limits-file: $(<"$OMEGA_NAMESPACE/limits")"
  fi
  in_namespace "$omega" limits --json
  expect_json limits-others-json '[d[n]["value"] for n in ("semmsl", "msgmax", "msgmnb", "msgmni",
    "shmmax", "shmall", "shmmni")] == [10, 65536, 1000000, 7, 9000000000, 3, 32768]'
  # What no kernel would take is cut to what it may be.
  echo '0 0 0 0 99999999999 0 99999 99999999999999999999999 1 0' >"$OMEGA_NAMESPACE/limits"
  in_namespace "$omega" limits --json
  expect_json limits-cut '[d[n]["value"] for n in ("semmsl", "msgmax", "msgmnb", "msgmni", "shmmax",
    "shmall", "shmmni")] == [1, 2**31 - 1, 1, 32768, 2**64 - 1 - 2**24, 1, 1]'
  echo '10 1024000000 3 2' >"$OMEGA_NAMESPACE/limits"
  in_namespace "$omega" limits --set semmsl=default
  in_namespace "$omega" limits
  expect limits-default 0 '^SEMMSL +32000 ' '^SEMMNI +2 +2 '
  for wrong in semmsl=0 semmsl=32001 semopm=501 semmni= other=1 semmsl msgmax=0 \
    msgmnb=2147483648 msgmni=32769 shmmax=18446744073692774400 shmmni=-1; do
    in_namespace "$omega" limits --set "$wrong"
    expect "limits-wrong $wrong" 64 'Error'
  done
}

test_empty
test_make_and_list
test_show
test_show_large
test_remove
test_limits
