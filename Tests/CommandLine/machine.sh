# shellcheck shell=bash
# doctor, help and completion: sourced by run.

test_doctor() {
  new_namespace
  in_namespace "$omega" doctor
  expect doctor 0 '^ok +drop-in' '^(ok|note) +robust futexes' '^(ok|note) +futex_waitv' \
    '^(ok|note) +/proc' '^ok +death of a holder: tried' '^(ok|note) +processors: [0-9]+' \
    '^(ok|note) +namespace' '^(ok|note) +memory: .* free in ' \
    "^(ok|note) +kernel's System V IPC" '^ok +private namespaces'
  in_namespace "$omega" doctor --json
  expect_json doctor-json 'len(d["findings"]) >= 8
    and all(f["state"] in ("ok", "note", "fail") and f["meaning"] for f in d["findings"])'
}

# futex_waitv has the number 449 on every machine.
# A namespace that nobody has used yet is nothing to be mended; one that cannot come to be is.
test_doctor_without_namespace() {
  try "$omega" doctor --namespace "$omega_scratch/later"
  expect doctor-later 0 '^note +namespace: .*/later is not there' 'made at its first use'
  try "$omega" doctor --namespace "$omega_scratch/no/later"
  expect doctor-never 1 '^FAIL +namespace: .*/no/later is not there' "mkdir -p $omega_scratch/no"
  try "$omega" ls --namespace "$omega_scratch/later"
  expect ls-later 1 'No such file or directory' 'made at its first use'
}

test_doctor_in_sandbox() {
  new_namespace
  in_namespace python3 "$here/forbid.py" 449 38 "$omega" doctor
  if ((status == 77)); then
    skip 'doctor-sandbox: this machine allows no seccomp filter'
    return
  fi
  expect doctor-without-waitv 0 '^note +futex_waitv: missing' 'looks around' \
    '^ok +death of a holder: tried'
  in_namespace python3 "$here/forbid.py" 449 1 "$omega" doctor
  expect doctor-waitv-refused 1 '^FAIL +futex_waitv: refused: Operation not permitted' 'ENOSYS'
}

# shellcheck disable=SC2016
test_doctor_on_full_disk() {
  if [[ $(id -u) != 0 ]] || ! unshare --mount true 2>/dev/null; then
    skip 'doctor-full: needs root and a mount namespace'
    return
  fi
  new_namespace
  in_namespace unshare --mount sh -c 'mount -t tmpfs -o size=256k,mode=700 tmpfs "$1" || exit 88
    "$2" mk -S 1 >/dev/null; head -c 1000000 /dev/zero >"$1/limits" 2>/dev/null
    "$2" mk -S 1; "$2" doctor' sh "$OMEGA_NAMESPACE" "$omega"
  if ((status == 88)); then
    skip 'doctor-full: no tmpfs can be mounted here'
    return
  fi
  expect doctor-full 1 '^FAIL +memory: ' 'ENOSPC' 'remount' 'no room' 'omega doctor'
}

test_help() {
  local command width
  for command in '' run ls show mk rm limits doctor; do
    # shellcheck disable=SC2086
    try env COLUMNS=80 "$omega" $command --help
    expect "help ${command:-omega}" 0 '^OVERVIEW: ' '^USAGE: omega'
    width=$(awk '{ if (length > most) most = length } END { print most }' "$out")
    ((width <= 80)) || not_ok "help ${command:-omega}: a line of $width columns"
  done
  try "$omega" nonsense
  expect help-unknown 64 "Unexpected argument 'nonsense'|Error"
  try "$omega" --version
  expect version 0 '^[0-9]+\.[0-9]+\.[0-9]+$'
}

test_completion() {
  local shell
  for shell in bash zsh fish; do
    try "$omega" --generate-completion-script $shell
    expect "completion-$shell" 0 'omega' 'doctor'
    [[ $shell != bash ]] || cp -- "$out" "$omega_scratch/completion"
  done
  if bash -n "$omega_scratch/completion"; then ok completion-syntax; else
    not_ok 'completion-syntax: bash does not take it'
  fi
}

test_doctor
test_doctor_without_namespace
test_doctor_in_sandbox
test_doctor_on_full_disk
test_help
test_completion
