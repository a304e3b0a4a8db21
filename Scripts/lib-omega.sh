# shellcheck shell=bash
# Shell functions shared by the test scripts, the demo and the benchmark. Source it:
#
#   source "$(dirname "${BASH_SOURCE[0]}")/../../Scripts/lib-omega.sh"
#
# OMEGA_TEST_LIBRARY selects the drop-in library to test. Set but empty means "none": everything
# then runs on the kernel's own IPC, which is how the programs under test are themselves tested.

OMEGA_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
OMEGA_BUILD=$OMEGA_ROOT/build
OMEGA_LIBRARY=${OMEGA_TEST_LIBRARY-$OMEGA_BUILD/lib/libomega-ipc.so}
# The system calls that must not reach the kernel.
OMEGA_IPC_CALLS=semget,semop,semtimedop,semctl,msgget,msgsnd,msgrcv,msgctl
OMEGA_IPC_CALLS+=,shmget,shmat,shmdt,shmctl
omega_passed=0 omega_failed=0 omega_skipped=0
omega_scratch=

# --- results  ---

ok() { omega_passed=$((omega_passed + 1)); printf 'ok %s\n' "$*"; }
not_ok() { omega_failed=$((omega_failed + 1)); printf 'not ok %s\n' "$*"; }
skip() { omega_skipped=$((omega_skipped + 1)); printf 'skip %s\n' "$*"; }

# Details of a failure, indented so that the collector does not take them for results.
show_file() {
  [[ -s $1 ]] || return 0
  sed -e 's/^/    | /' -- "$1" | tail -n "${2:-40}"
}

finish() {
  printf '# %d passed, %d failed, %d skipped\n' "$omega_passed" "$omega_failed" "$omega_skipped"
  ((omega_failed == 0)) || exit 1
  exit 0
}

# --- prerequisites  ---

have() { command -v "$1" >/dev/null 2>&1; }

# need_package COMMAND PACKAGE...: installs Debian packages when COMMAND is missing and this is
# possible. After a failure $need_why says why, for the skip line.
need_why=
need_package() {
  local command=$1
  shift
  need_why=
  have "$command" && return 0
  if [[ $(id -u) != 0 ]] || ! have apt-get; then
    need_why="$command is not installed (apt-get install $*)"
    return 1
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
    >/dev/null 2>&1 </dev/null || {
    apt-get update -qq >/dev/null 2>&1 </dev/null || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
      >/dev/null 2>&1 </dev/null || true
  }
  have "$command" && return 0
  need_why="$command is not installed and apt-get install $* failed"
  return 1
}

find_c_compiler() {
  for compiler in "${CC:-}" cc clang gcc; do
    [[ -n $compiler ]] && have "$compiler" && { echo "$compiler"; return 0; }
  done
  return 1
}

kernel_has_ipc() { [[ -r /proc/sysvipc/sem ]]; }

# Can strace run a process here? (Containers often forbid ptrace.)
strace_works() {
  need_package strace strace || return 1
  strace -f -qq -o /dev/null true 2>/dev/null && return 0
  need_why='strace cannot trace here (ptrace is forbidden)'
  return 1
}

# --- private kernel IPC  ---

# Runs the calling script again in a kernel IPC namespace of its own when that is possible, so that
# what it leaves in the kernel is visible (the table starts empty) and vanishes with it.
# Sets OMEGA_KERNEL_IS_PRIVATE=1 then.
enter_private_kernel_ipc() {
  [[ -z ${OMEGA_KERNEL_IS_PRIVATE:-} ]] || return 0
  if have unshare && unshare --ipc true 2>/dev/null; then
    OMEGA_KERNEL_IS_PRIVATE=1 exec unshare --ipc "$@"
  fi
  export OMEGA_KERNEL_IS_PRIVATE=0
}

# kernel_objects KIND: how many objects of sem, msg or shm the kernel holds.
kernel_objects() { awk 'END { print (NR > 1 ? NR - 1 : 0) }' "/proc/sysvipc/$1" 2>/dev/null || echo 0; }

# Identifiers of the semaphore sets that the kernel holds, one a line.
kernel_set_ids() { kernel_has_ipc && awk 'NR > 1 { print $2 }' /proc/sysvipc/sem; }

# --- namespaces  ---

# A scratch directory removed at exit; namespaces live in it when it is on tmpfs.
make_scratch() {
  local parent=/dev/shm
  [[ -w $parent ]] || parent=${TMPDIR:-/tmp}
  omega_scratch=$(mktemp -d "$parent/omega-test.XXXXXX")
  trap 'rm -rf -- "$omega_scratch"' EXIT
  trap 'exit 130' INT TERM HUP
}

# new_namespace [MODE]: makes an empty namespace directory and selects it for under_omega.
omega_namespace_count=0
new_namespace() {
  omega_namespace_count=$((omega_namespace_count + 1))
  OMEGA_NAMESPACE=$omega_scratch/namespace-$omega_namespace_count
  mkdir -m "${1:-0700}" -- "$OMEGA_NAMESPACE"
  chmod "${1:-0700}" -- "$OMEGA_NAMESPACE"
}

on_kernel() { [[ -z $OMEGA_LIBRARY ]]; }

# under_omega COMMAND...: runs it with the drop-in in the selected namespace.
under_omega() {
  if on_kernel; then
    "$@"
  else
    env OMEGA_IPC_NAMESPACE="$OMEGA_NAMESPACE" \
      LD_PRELOAD="${OMEGA_EXTRA_PRELOAD:+$OMEGA_EXTRA_PRELOAD:}$OMEGA_LIBRARY" "$@"
  fi
}

# under_strace LOG COMMAND...: the same, with IPC calls and file mappings logged. Counts only: a
# traced process may see EINTR where it otherwise would not, so its results are judged by nobody.
under_strace() {
  local log=$1
  shift
  local environment=()
  if ! on_kernel && [[ -z ${OMEGA_STRACE_PLAIN:-} ]]; then
    environment=(-E "OMEGA_IPC_NAMESPACE=$OMEGA_NAMESPACE"
      -E "LD_PRELOAD=${OMEGA_EXTRA_PRELOAD:+$OMEGA_EXTRA_PRELOAD:}$OMEGA_LIBRARY")
  fi
  strace -f -qq -y -o "$log" -e "trace=$OMEGA_IPC_CALLS,mmap,linkat" "${environment[@]}" "$@"
}

# The IPC system calls in a log of under_strace, and their number.
ipc_calls_in() { grep -E "(^|[ ])(${OMEGA_IPC_CALLS//,/|})\(" "$1" || true; }
count_ipc_calls() { ipc_calls_in "$1" | wc -l; }

# Number of files of the selected namespace that a traced program mapped.
count_namespace_mappings() { grep -cE "mmap\(.*<$OMEGA_NAMESPACE/[^>]*>.* = 0x" "$1" || true; }

# --- the benchmark program  ---

# Compiles build/semaphore-bench, used by the benchmark and the demo.
build_semaphore_bench() {
  local cc source=$OMEGA_ROOT/Benchmarks
  cc=$(find_c_compiler) || { echo 'no C compiler' >&2; return 1; }
  mkdir -p "$OMEGA_BUILD"
  "$cc" -std=gnu11 -O2 -Wall -Wextra -Werror -o "$OMEGA_BUILD/semaphore-bench" \
    "$source"/{bench,single,memory,pair,process,queues}.c -pthread
}
