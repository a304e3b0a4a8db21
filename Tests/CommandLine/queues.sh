# shellcheck shell=bash
# ls, show, mk, rm and limits on message queues: sourced by run.

# message_program NAME ID OPERATION...: queues.py in the background; $! is it, its answer goes to a file.
message_program() {
  local name=$1
  shift
  env OMEGA_IPC_NAMESPACE="$OMEGA_NAMESPACE" LD_PRELOAD="$OMEGA_LIBRARY" \
    python3 "$here/queues.py" "$@" >"$omega_scratch/$name" 2>&1 &
}

# The namespace's queue ID has so many waiting senders and receivers.
queue_waits() { # ID SENDERS RECEIVERS
  OMEGA_IPC_NAMESPACE=$OMEGA_NAMESPACE "$omega" ls -q |
    grep -E "^0x[0-9a-f]+ +$1 +[-rwx]+ +[^ ]+ +[0-9]+ +[0-9]+ +$2 +$3 "
}

test_queue_list() {
  new_namespace
  in_namespace "$omega" mk -Q
  expect queue-mk 0 '^0$'
  in_namespace "$omega" mk -Q --key 0x51000001 --mode 640
  expect queue-mk-key 0 '^1$'
  in_namespace "$omega" mk --queue --key 0x51000001
  expect queue-mk-key-taken 1 'key 0x51000001 in /.*: queue 1 has it' \
    'omega rm -q --key 0x51000001'
  in_namespace "$omega" ls
  expect queue-ls 0 '^Message queues$' \
    '^KEY +ID +PERMS +OWNER +MSGS +BYTES +SEND +RECV +LAST-SEND +LAST-RECV$' \
    '^0x00000000 +0 +rw-r--r-- +[^ ]+ +0 +0 +0 +0 +- +-$' '^0x51000001 +1 +rw-r----- '
  message_program sent 1 send,3,100 send,7,8 send,3,20
  wait $!
  in_namespace "$omega" ls -q
  expect queue-ls-messages 0 '^0x51000001 +1 +rw-r----- +[^ ]+ +3 +128 +0 +0 +[0-9:]+ +-$'
  if grep -q queues "$out"; then not_ok 'queue-ls-one-kind: it has a heading'; else
    ok queue-ls-one-kind
  fi
  in_namespace "$omega" ls --json
  expect_json queue-ls-json 'd["semaphores"] == [] and [q["id"] for q in d["queues"]] == [0, 1]
    and [(q["qnum"], q["cbytes"], q["qbytes"]) for q in d["queues"]] == [(0, 0, 16384), (3, 128, 16384)]
    and d["queues"][1]["permissions"]["mode"] == "0640" and d["queues"][1]["stime"] > 0'
  in_namespace "$omega" limits
  expect queue-limits 0 '^MSGMNI +32000 +2 '
}

# Two senders wait at a full queue, three receivers at an empty one.
test_queue_show() {
  local wish number=0 senders=() receivers=()
  new_namespace
  in_namespace "$omega" mk -Q --key 81
  in_namespace "$omega" mk -Q
  message_program filler 0 send,3,100 send,5,8000 send,5,8000
  wait $!
  for wish in send,9,8000 send,8,7000; do
    message_program "sender-$number" 0 "$wish"
    senders+=("$!")
    ((++number))
    wait_for queue_waits 0 "$number" 0 || not_ok "queue-ls-waiting: no $number senders"
  done
  number=0
  for wish in receive,0,64 receive,-7,65 receive,4x,66 receive,6,67; do
    message_program "receiver-$number" 1 "$wish"
    receivers+=("$!")
    ((++number))
    wait_for queue_waits 1 0 "$number" || not_ok "queue-ls-waiting: no $number receivers"
  done
  in_namespace "$omega" show 0x51
  expect queue-show-full 0 '^queue 0, 3 messages, 16100 of 16384 bytes$' '^  key +0x00000051$' \
    '^  sent +[-0-9]+ [0-9:]+ by [0-9]+ \(ended\)$' '^  received +never$' \
    '^TYPE +MESSAGES +BYTES$' '^ +3 +1 +100$' '^ +5 +2 +16000$' '^2 calls waiting to send' \
    "^ *${senders[0]} +python3 +[0-9:]+ \\([0-9]+ s\\) +9 +8000$" \
    "^ *${senders[1]} +python3 +[0-9:]+ \\([0-9]+ s\\) +8 +7000$"
  in_namespace "$omega" show 1
  expect queue-show-empty 0 '^queue 1, 0 messages, 0 of 16384 bytes$' '^No messages' \
    '^4 calls waiting to receive' "^ *${receivers[0]} .* 64 +any message$" \
    "^ *${receivers[1]} .* 65 +the lowest type up to 7$" \
    "^ *${receivers[2]} .* 66 +any type but 4$" "^ *${receivers[3]} .* 67 +type 6$"
  in_namespace "$omega" show 0 --json
  expect_json queue-show-json "d['types'] == [{'type': 3, 'messages': 1, 'bytes': 100},
    {'type': 5, 'messages': 2, 'bytes': 16000}] and d['receivers'] == []
    and [(s['pid'], s['type'], s['bytes']) for s in d['senders']] ==
    [(${senders[0]}, 9, 8000), (${senders[1]}, 8, 7000)]"
  in_namespace "$omega" show 1 --json
  expect_json queue-show-receivers-json "[(r['type'], r['except'], r['bytes'])
    for r in d['receivers']] == [(0, False, 64), (-7, False, 65), (4, True, 66), (6, False, 67)]"
  in_namespace "$omega" rm 0 1
  expect queue-rm-waiting 0 '^removed queue 0$' '^removed queue 1$'
  wait "${senders[@]}" "${receivers[@]}" || true
  if [[ $(cat "$omega_scratch"/{sender,receiver}-? | sort | uniq -c | tr -s ' ') == ' 6 EIDRM' ]]; then
    ok 'queue-rm-wakes: all got EIDRM'
  else
    not_ok "queue-rm-wakes: $(cat "$omega_scratch"/{sender,receiver}-?)"
  fi
}

# A key and an id can name an object of each kind.
test_queue_or_set() {
  new_namespace
  in_namespace "$omega" mk -S 1 --key 7
  in_namespace "$omega" mk -Q --key 7
  in_namespace "$omega" mk -Q
  for command in 'show 0' 'rm 0' 'show 0x7' 'rm --key 7'; do
    # shellcheck disable=SC2086 # words
    in_namespace "$omega" $command
    expect "queue-or-set $command" 1 'a semaphore set and a message queue have it' \
      "Say which: omega ${command%% *} -s .*, or omega ${command%% *} -q "
  done
  in_namespace "$omega" show -q 0
  expect queue-or-set-queue 0 '^queue 0,'
  in_namespace "$omega" show -s 0x7
  expect queue-or-set-set 0 '^set 0,'
  in_namespace "$omega" show 1
  expect queue-or-set-only 0 '^queue 1,'
  in_namespace "$omega" rm -q 0
  expect queue-or-set-rm 0
  in_namespace "$omega" show 0
  expect queue-or-set-left 0 '^set 0,'
  in_namespace "$omega" rm --all -q
  expect queue-rm-all 0 '^removed queue 1$'
  in_namespace "$omega" ls --json
  expect_json queue-rm-all-others '[s["id"] for s in d["semaphores"]] == [0] and d["queues"] == []'
  in_namespace "$omega" show -q 0
  expect queue-show-missing 1 'queue 0 in /.*: there is no such queue' 'omega ls -q'
  in_namespace "$omega" rm -q 0x7
  expect queue-rm-missing-key 1 'key 0x00000007 in /.*: no queue has it' 'omega ls -q'
}

test_queue_list
test_queue_show
test_queue_or_set
