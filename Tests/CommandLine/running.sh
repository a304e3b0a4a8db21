# shellcheck shell=bash
# `omega run`: sourced by run.

# Lines of the passing programs are counted like ours.
counted() {
  local line
  while read -r line; do
    case $line in
      'ok '*) ok "${line#ok }" ;;
      'not ok '*) not_ok "${line#not ok }" ;;
      *) echo "    | $line" ;;
    esac
  done
}

test_passing() {
  counted < <(timeout -k 5 600 python3 "$here/passing.py" "$omega" 2>&1 ||
    echo "not ok run-passing: status $?")
  counted < <(timeout -k 5 300 python3 "$here/terminal.py" "$omega" "$omega_scratch" 2>&1 ||
    echo "not ok terminal: status $?")
}

test_not_run() {
  try "$omega" run -- "$omega_scratch/nothing"
  expect run-missing 127 'nothing: no such command' 'PATH'
  try "$omega" run -- omega-no-such-command
  expect run-missing-in-path 127 'no such command'
  echo 'exit 3' >"$omega_scratch/plain"
  try "$omega" run -- "$omega_scratch/plain"
  expect run-not-executable 126 'cannot be executed' 'ls -l'
  try "$omega" run -- "$omega_scratch"
  expect run-directory 126
  try "$omega" run
  expect run-nothing 64 'Missing a command'
  try "$omega" run --unknown true
  expect run-option 64 "'--unknown'"
  try "$omega" run --help
  expect run-help 0 'CMD' '125'
  # What stands behind CMD is CMD's.
  try "$omega" run -- echo --help --keep -- last
  expect run-arguments 0 '^--help --keep -- last$'
  try "$omega" run echo --version
  expect run-without-dashes 0 '^--version$|coreutils'
}

test_script_without_interpreter() {
  local directory
  directory=$(mktemp -d "${TMPDIR:-/tmp}/omega-script.XXXXXX")
  printf 'exit "$1"\n' >"$directory/script"
  chmod +x "$directory/script"
  try "$omega" run -- "$directory/script" 9
  expect run-script-without-interpreter 9
  # The program alone, far from its library.
  mkdir "$directory/bin"
  cp -- "$omega" "$directory/bin/omega"
  try "$directory/bin/omega" run -- true
  expect run-without-library 125 "$directory/lib/libomega-ipc.so: the drop-in" 'make install'
  try "$directory/bin/omega" doctor --namespace "$omega_scratch"
  expect doctor-without-library 1 'FAIL *drop-in'
  rm -rf -- "$directory"
}

# shellcheck disable=SC2016 # expanded by the command
test_environment() {
  local old=$omega_scratch/other.so
  ln -sf "$OMEGA_LIBRARY" "$old"
  try env LD_PRELOAD="$old" "$omega" run -- sh -c 'echo "$LD_PRELOAD"'
  expect run-keeps-preload 0 "^/.*/lib/libomega-ipc\\.so:$old\$"
  try "$omega" run -- cat
  expect run-input-empty 0
  status=0
  echo 'passed through' | "$omega" run -- cat >"$out" 2>"$err" || status=$?
  expect run-input 0 '^passed through$'
}

# shellcheck disable=SC2016
test_private_namespace() {
  local mode=700 seen
  [[ $(id -u) != 0 ]] || mode=1777
  try "$omega" run -- sh -c 'echo "$OMEGA_IPC_NAMESPACE"; stat -c %a "$OMEGA_IPC_NAMESPACE"'
  seen=$(head -n 1 "$out")
  expect run-private-mode 0 '^/dev/shm/omega-run\.' "^$mode\$"
  if [[ -n $seen && ! -e $seen ]]; then ok run-private-removed; else
    not_ok "run-private-removed: $seen is still there"
  fi
  try "$omega" run -- sh -c 'echo "$OMEGA_IPC_NAMESPACE"; mkdir "$OMEGA_IPC_NAMESPACE/below";
    touch "$OMEGA_IPC_NAMESPACE/below/file"; ipcmk -S 2; kill -9 $$'
  seen=$(head -n 1 "$out")
  if ((status == 137)) && [[ -n $seen && ! -e $seen ]]; then ok run-private-removed-after-kill; else
    not_ok "run-private-removed-after-kill: status $status, $seen is still there"
  fi
  try "$omega" run --keep -- sh -c 'echo "$OMEGA_IPC_NAMESPACE"; ipcmk -S 2'
  seen=$(head -n 1 "$out")
  expect run-keep 0 "kept the namespace $seen"
  if [[ -n $seen && -d $seen ]]; then
    try "$omega" ls --namespace "$seen"
    expect run-keep-usable 0 '^0x[0-9a-f]{8} +0 +rw-'
    rm -rf -- "$seen"
  else
    not_ok "run-keep-usable: $seen is gone"
  fi
  new_namespace
  try "$omega" run --namespace "$OMEGA_NAMESPACE" -- ipcmk -S 2
  expect run-given 0 'id: 0'
  try "$omega" ls --namespace "$OMEGA_NAMESPACE"
  expect run-given-kept 0 ' 0 +rw-'
  try "$omega" run --namespace "$omega_scratch/missing/namespace" -- true
  expect run-given-impossible 125 'missing/namespace: No such file' 'mkdir -m 700'
}

# Nothing of it reaches the kernel.
test_kernel_is_untouched() {
  kernel_has_ipc || { skip 'run-kernel-untouched: this machine has no System V IPC'; return; }
  local key=0x0E6A0117
  try "$omega" run -- sh -c 'ipcmk -S 2 >/dev/null; exec "$1" ls' sh "$omega"
  expect run-objects 0 ' 0 +rw-'
  try "$omega" run -- "$omega" mk -S 1 --key $key
  if ! awk -v key=$((key)) 'NR > 1 && $1 == key { exit 1 }' /proc/sysvipc/sem; then
    not_ok 'run-kernel-untouched: the kernel has the set'
  else
    expect run-kernel-untouched 0 '^0$'
  fi
}

# Of an `omega run` that is killed, the namespace stays as long as its command, and goes with the
# next.
# shellcheck disable=SC2016
test_stale_namespace() {
  local log=$omega_scratch/stale tool command namespace
  : >"$log"
  "$omega" run -- sh -c 'echo "$$ $OMEGA_IPC_NAMESPACE"; exec sleep 300' >"$log" 2>&1 &
  tool=$!
  wait_for grep -q omega-run "$log" || { not_ok 'stale: the command did not start'; return; }
  read -r command namespace <"$log"
  kill -9 "$tool"
  wait "$tool" 2>/dev/null || true
  try "$omega" run -- true
  if [[ -d $namespace ]]; then ok 'stale: kept while its command lives'; else
    not_ok "stale: the namespace of the living command $command was removed"
  fi
  kill -9 "$command"
  wait_for is_gone "$command" || not_ok 'stale: the command cannot be killed'
  try "$omega" run -- true
  if [[ ! -e $namespace ]]; then ok 'stale: removed by the next omega run'; else
    not_ok "stale: $namespace is still there"
  fi
  # The same for doctor, with a namespace whose names tell of a process that never was.
  namespace=/dev/shm/omega-run.$(stat -L -c %i /proc/self/ns/pid)-4194303-1-test
  mkdir -m 700 "$namespace"
  try "$omega" doctor --namespace "$omega_scratch"
  if [[ ! -e $namespace ]]; then ok 'stale: removed by doctor'; else
    not_ok "stale: doctor left $namespace"
    rm -rf -- "$namespace"
  fi
  # Another container's processes cannot be seen from here: hands off.
  namespace=/dev/shm/omega-run.1-4194303-1-test
  mkdir -m 700 "$namespace"
  try "$omega" run -- true
  if [[ -d $namespace ]]; then ok 'stale: of another container, kept'; else
    not_ok 'stale: the namespace of another container was removed'
  fi
  rm -rf -- "$namespace"
}

# shellcheck disable=SC2016
test_outliving() {
  local log=$omega_scratch/outliving child namespace
  "$omega" run -- sh -c 'sleep 300 </dev/null >/dev/null 2>&1 &
    echo "$! $OMEGA_IPC_NAMESPACE"' >"$log"
  read -r child namespace <"$log"
  if kill -0 "$child" 2>/dev/null && [[ ! -e $namespace ]]; then
    ok 'run-outliving: the process lives on, the namespace is removed'
  else
    not_ok 'run-outliving: the process is gone, or the namespace still there'
  fi
  kill "$child" 2>/dev/null || true
}

test_passing
test_not_run
test_script_without_interpreter
test_environment
test_private_namespace
test_kernel_is_untouched
test_stale_namespace
test_outliving
