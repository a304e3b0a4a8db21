# shellcheck shell=bash disable=SC2154 # here, need_why, omega_scratch, products: set by the caller
# Parts of Tests/Programs/run: message queues and shared memory through programs of other people,
# and the test suites that come with them.

test_perl_messages() {
  need_package perl perl || { skip "perl-messages: $need_why"; return; }
  OMEGA_EXPECTED_KINDS=msg check_program perl-messages perl "$here/perl/message.pl"
}

test_perl_memory() {
  need_package perl perl || { skip "perl-memory: $need_why"; return; }
  OMEGA_EXPECTED_KINDS=shm check_program perl-memory perl "$here/perl/memory.pl"
}

# The tests of Perl's core for its calls and its IPC::SysV.
test_perl_suite() {
  need_package prove perl &&
    unpack_debian_source perl 'cpan/IPC-SysV/*' 't/io/???.t' 't/test.pl' 't/*_tools.pl' ||
    { skip "perl-suite: $need_why"; return; }
  OMEGA_EXPECTED_KINDS='sem msg shm' check_program perl-suite \
    "$here/perl/suite" "$omega_sources/perl/tree"
}

test_python_suite() {
  make_python_venv && fetch_sysv_ipc_source ||
    { skip "python-suite: $need_why"; return; }
  OMEGA_EXPECTED_KINDS='sem msg shm' check_program python-suite \
    "$here/python/suite" "$OMEGA_BUILD/venv/bin/python" "$omega_sources/sysv_ipc/tree"
}

# The source package of the version that is installed in the venv, for its tests.
fetch_sysv_ipc_source() {
  local directory=$omega_sources/sysv_ipc version
  [[ -d $directory/tree/tests ]] && return 0
  need_why='pip download of the source of sysv_ipc failed (no network?)'
  version=$("$OMEGA_BUILD/venv/bin/python" -c 'import sysv_ipc; print(sysv_ipc.VERSION)')
  rm -rf "$directory"
  mkdir -p "$directory/tree.new"
  "$OMEGA_BUILD/venv/bin/pip" -q download --no-deps --no-binary :all: -d "$directory" \
    "sysv_ipc==$version" >/dev/null 2>&1 &&
    tar -xzf "$directory"/sysv_ipc-*.tar.gz -C "$directory/tree.new" --strip-components=1 &&
    mv "$directory/tree.new" "$directory/tree"
}

need_php_module() {
  need_package php php-cli || return 1
  need_why="this PHP has no $1 extension"
  [[ $(php -m) == *"$1"* ]]
}

test_php_messages() {
  need_php_module sysvmsg || { skip "php-messages: $need_why"; return; }
  OMEGA_EXPECTED_KINDS=msg check_program php-messages php "$here/php/sysvmsg.php"
}

test_php_memory() {
  need_php_module sysvshm && need_php_module shmop ||
    { skip "php-memory: $need_why"; return; }
  OMEGA_EXPECTED_KINDS=shm check_program php-memory php "$here/php/sysvshm.php"
}

test_php_suite() {
  local source
  need_php_module sysvmsg || { skip "php-suite: $need_why"; return; }
  source=$(php -r 'echo "php", PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
  unpack_debian_source "$source" run-tests.php 'ext/sysv*/tests/*' 'ext/shmop/tests/*' ||
    { skip "php-suite: $need_why"; return; }
  OMEGA_EXPECTED_KINDS='sem msg shm' check_program php-suite \
    "$here/php/suite" "$omega_sources/$source/tree"
}

# As a user who owns nothing of this: what the tar says is only fakeroot's pretence.
test_fakeroot_tar() {
  need_package fakeroot-sysv fakeroot || { skip "fakeroot-tar: $need_why"; return; }
  local library=$OMEGA_LIBRARY as_other=() folder=$omega_scratch/fakeroot
  mkdir "$folder"
  cp "$here/fakeroot/pack" "$folder/"
  use_readable_library
  if [[ $(id -u) == 0 ]]; then
    as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chown 65534:65534 "$folder"
  fi
  OMEGA_NAMESPACE_MODE=1777 OMEGA_EXPECTED_KINDS='sem msg' check_program fakeroot-tar \
    "${as_other[@]}" fakeroot-sysv -- "$folder/pack" "$folder"
  OMEGA_LIBRARY=$library
}

test_x11() {
  local cc
  need_package Xvfb xvfb && need_package x11perf x11-apps &&
    need_package xdpyinfo x11-utils || { skip "x11: $need_why"; return; }
  [[ -e /usr/include/X11/extensions/XShm.h ]] || need_package XShm.h libxext-dev || true
  [[ -e /usr/include/X11/extensions/XShm.h ]] ||
    { skip 'x11: no header of MIT-SHM (libxext-dev)'; return; }
  cc=$(find_c_compiler)
  make_product shm_image "$cc" -std=gnu11 -O1 -Wall -Wextra "$here/x11/shm_image.c" -lXext -lX11 ||
    return 0
  OMEGA_EXPECTED_KINDS=shm check_program x11 "$here/x11/session" "$products/shm_image"
}

# An object of each kind made, listed and removed with util-linux alone.
test_util_linux_objects() {
  have lsipc || { skip 'util-linux-objects: lsipc is not installed'; return; }
  OMEGA_EXPECTED_KINDS='sem msg shm' check_program util-linux-objects \
    "$here/util-linux/objects" sem msg shm
}

# stress_ng NAME CLASS OPERATIONS...: a class (sem-sysv, msg, shm-sysv) for two workers each.
stress_ng() {
  local name=$1 log=$omega_scratch/stress-ng class count operations command=() done_all=1 told=
  shift
  command=(stress-ng --verify --metrics --timeout 120)
  local pairs=("$@")
  while (($#)); do command+=("--$1" 2 "--$1-ops" "$2"); shift 2; done
  new_namespace
  if ! under_omega timeout -k 5 150 "${command[@]}" >"$log" 2>&1; then
    not_ok "$name: failed"
    show_file "$log"
    return
  fi
  # The counts are checked too: a stressor that finds no IPC "passes" having done nothing.
  set -- "${pairs[@]}"
  while (($#)); do
    class=$1 count=$2
    operations=$(awk -v class="$class" '$4 == class { print $5; exit }' "$log")
    ((${operations:-0} >= count)) || done_all=0
    told+=" $class ${operations:-0}"
    shift 2
  done
  if ((!done_all)) || ! grep -q 'successful run completed' "$log" ||
    grep -qE 'fail:|skipped: [1-9]' "$log"; then
    not_ok "$name: did$told operations"
    show_file "$log"
  else
    ok "$name: verified operations:$told"
  fi
}

test_stress_ng() {
  need_package stress-ng stress-ng || { skip "stress-ng: $need_why"; return; }
  stress_ng stress-ng sem-sysv 200000
  check_calls stress-ng stress-ng --sem-sysv 2 --sem-sysv-ops 2000 --verify --timeout 60
  stress_ng stress-ng-msg msg 200000
  stress_ng stress-ng-all sem-sysv 100000 msg 100000 shm-sysv 60
  OMEGA_EXPECTED_KINDS='sem msg shm' check_calls stress-ng-all stress-ng --sem-sysv 1 \
    --sem-sysv-ops 2000 --msg 1 --msg-ops 2000 --shm-sysv 1 --shm-sysv-ops 4 --verify --timeout 60
  [[ ${OMEGA_TEST_LONG:-0} != 1 ]] || test_stress_ng_long
}

# Twenty seconds of all three.
test_stress_ng_long() {
  local log=$omega_scratch/stress-ng-long done_of
  new_namespace
  under_omega stress-ng --sem-sysv 2 --msg 2 --shm-sysv 2 --verify --metrics -t 20 >"$log" 2>&1 ||
    true
  # The first row of a class is its operations; more rows tell of times.
  done_of=$(awk '$4 ~ /^(sem-sysv|msg|shm-sysv)$/ && $5 > 0 && !seen[$4]++ { print $4, $5 }' "$log")
  if grep -q 'successful run completed' "$log" && ! grep -qE 'fail:|skipped: [1-9]' "$log" &&
    (($(wc -l <<<"$done_of") == 3)); then
    ok "stress-ng-long: 20 s, verified: $(tr '\n' ' ' <<<"$done_of")"
  else
    not_ok 'stress-ng-long: failed'
    show_file "$log"
  fi
}
