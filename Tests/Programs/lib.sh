# shellcheck shell=bash disable=SC2154 # products, here, omega_scratch: set by the caller
# Functions of Tests/Programs/run: building the programs, running one three ways, judging it.

have_product() {
  [[ -x $products/$2 ]] && return 0
  skip "$1: $(cat "$products/$2.why" 2>/dev/null || echo "could not be built")"
  return 1
}

# make_product NAME COMMAND...: compiles one program; a failure is a failed test, not a skip.
make_product() {
  local name=$1
  shift
  "$@" -o "$products/$name" >"$omega_scratch/build.log" 2>&1 && return 0
  not_ok "build-$name: $*"
  show_file "$omega_scratch/build.log"
  return 1
}

build_products() {
  local cc flags=(-std=gnu11 -O1 -Wall -Wextra)
  cc=$(find_c_compiler) || { not_ok 'programs: no C compiler'; return 1; }
  local name
  for name in raw_syscall deepbind change_user lifecycle jump_out interposed; do
    make_product "$name" "$cc" "${flags[@]}" "$here/c/$name.c" -pthread -ldl || return 1
  done
  make_product plugin.so "$cc" "${flags[@]}" -shared -fPIC "$here/c/plugin.c" || return 1
  make_product interposer.so "$cc" "${flags[@]}" -shared -fPIC "$here/c/interposer.c" -ldl ||
    return 1
  # Not every machine has a static libc; this one program then goes without.
  rm -f "$products/static"
  "$cc" "${flags[@]}" -static -o "$products/static" "$here/c/raw_syscall.c" >/dev/null 2>&1 || true

  rm -f "$products"/{tokens,swift-program}{,.why}
  local cxx
  for cxx in "${CXX:-}" c++ clang++ g++ none; do [[ -n $cxx ]] && have "$cxx" && break; done
  if [[ $cxx == none ]]; then
    echo 'no C++ compiler' >"$products/tokens.why"
  else
    make_product tokens "$cxx" -std=c++17 -O1 -Wall "$here/cxx/tokens.cpp" -pthread || return 1
  fi
  if ! have swiftc; then
    echo 'no Swift compiler' >"$products/swift-program.why"
  else
    make_product swift-program swiftc -O -import-objc-header "$here/swift/semctl_helper.h" \
      "$here/swift/main.swift" || return 1
  fi
}

# The sysv_ipc module of PyPI in build/venv: from source (whose build has timeouts), else the wheel.
make_python_venv() {
  local venv=$OMEGA_BUILD/venv
  "$venv/bin/python" -c 'import sysv_ipc' 2>/dev/null && return 0
  need_package python3 python3 || return 1
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    [[ $(id -u) == 0 ]] && have apt-get &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv python3-dev >/dev/null 2>&1
  fi
  need_why='python3 -m venv failed'
  python3 -m venv --clear "$venv" >/dev/null 2>&1 || return 1
  "$venv/bin/pip" -q install --no-binary :all: sysv_ipc >/dev/null 2>&1 ||
    "$venv/bin/pip" -q install sysv_ipc >/dev/null 2>&1 ||
    { need_why='pip install sysv_ipc failed (no network?)'; return 1; }
}

# A copy of the library that other users can read, wherever the clone is.
use_readable_library() {
  chmod 0755 "$omega_scratch"
  on_kernel && return 0
  cp -- "$OMEGA_LIBRARY" "$omega_scratch/libomega-ipc.so"
  chmod 0644 "$omega_scratch/libomega-ipc.so"
  OMEGA_LIBRARY=$omega_scratch/libomega-ipc.so
}

# check_program NAME COMMAND...: the program checks itself and ends with "checked N"; its output on
# the kernel and under the drop-in must be the same, and nothing may reach the kernel.
check_program() {
  local name=$1 status=0
  shift
  local kernel=$omega_scratch/$name.kernel ours=$omega_scratch/$name.omega
  if kernel_has_ipc; then
    LD_PRELOAD=$(preload_on_kernel) timeout -k 5 150 "$@" >"$kernel" 2>"$kernel.err" || status=$?
    if ((status != 0)) || ! grep -qE '^checked [1-9]' "$kernel"; then
      not_ok "$name: the program itself fails on the kernel (status $status)"
      show_file "$kernel" 3
      show_file "$kernel.err"
      return 0
    fi
    # What a program leaves in the kernel on purpose is not to be taken for a call that went past us.
    [[ $OMEGA_KERNEL_IS_PRIVATE != 1 ]] || ipcrm --all
  fi
  if on_kernel; then
    ok "$name: $(tail -n 1 "$kernel") on the kernel"
    return 0
  fi
  new_namespace "${OMEGA_NAMESPACE_MODE:-0700}"
  under_omega timeout -k 5 150 "$@" >"$ours" 2>"$ours.err" || status=$?
  if ((status != 0)) || ! grep -qE '^checked [1-9]' "$ours"; then
    not_ok "$name: status $status after: $(tail -n 1 "$ours" 2>/dev/null)"
    show_file "$ours.err"
    return 0
  fi
  if [[ -s $ours.err ]] && ! { kernel_has_ipc && cmp -s "$kernel.err" "$ours.err"; }; then
    not_ok "$name: wrote on standard error"
    show_file "$ours.err"
    return 0
  fi
  if kernel_has_ipc && ! diff -u "$kernel" "$ours" >"$omega_scratch/$name.diff"; then
    not_ok "$name: output differs from the kernel's"
    show_file "$omega_scratch/$name.diff"
    return 0
  fi
  ok "$name: $(tail -n 1 "$ours")"
  check_calls "$name" "$@"
}

# What else is preloaded in the run on the kernel.
preload_on_kernel() {
  [[ ${OMEGA_EXTRA_PRELOAD:-} == *interposer.so ]] && { echo "$OMEGA_EXTRA_PRELOAD"; return; }
  [[ ${OMEGA_LIBRARY:-} == *interposer.so ]] && { echo "$OMEGA_LIBRARY"; return; }
  echo "${LD_PRELOAD:-}"
}

# The kinds of OMEGA_EXPECTED_KINDS (sem unless it is set) of which the traced program made no object
# in the namespace: an object gets its name by linkat.
kinds_not_made() {
  local kind
  for kind in ${OMEGA_EXPECTED_KINDS:-sem}; do
    grep -qE "linkat\\(.*\"$OMEGA_NAMESPACE/$kind\\.[0-9]+\"" "$1" || printf '%s ' "$kind"
  done
}

# check_calls NAME COMMAND...: under strace, no IPC call is seen and objects of ours are mapped.
check_calls() {
  local name=$1-calls calls mappings
  local log=$omega_scratch/$name.strace
  shift
  on_kernel && return 0
  strace_works || { skip "$name: $need_why"; return 0; }
  new_namespace "${OMEGA_NAMESPACE_MODE:-0700}"
  under_strace "$log" timeout -k 5 150 "$@" >"$log.out" 2>&1 || true
  calls=$(count_ipc_calls "$log")
  mappings=$(count_namespace_mappings "$log")
  if ((calls > 0)); then
    not_ok "$name: $calls IPC calls reached the kernel"
    ipc_calls_in "$log" >"$log.some"
    show_file "$log.some" 5
  elif ((mappings == 0)) || [[ -n $(kinds_not_made "$log") ]]; then
    not_ok "$name: $mappings mappings; no object was made of the kinds: $(kinds_not_made "$log")"
    show_file "$log.out" 5
  else
    ok "$name: none in the kernel, $mappings mappings of the namespace"
  fi
}
