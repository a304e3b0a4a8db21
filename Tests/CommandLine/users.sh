# shellcheck shell=bash
# Other users, as real ones: sourced by run. Needs root, to become them.

# Any ids that no account has.
first_user=61231 second_user=61232
as_user() { # UID COMMAND...
  local user=$1
  shift
  try setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all --bounding-set=-all \
    env OMEGA_IPC_NAMESPACE="$OMEGA_NAMESPACE" "$@"
}

# The tool where other users can reach it; empty when there is no such place.
find_reachable_tool() {
  local directory
  reachable=$omega
  as_user $first_user "$reachable" --version
  ((status == 0)) && return
  directory=$(mktemp -d "${TMPDIR:-/tmp}/omega-tool.XXXXXX")
  chmod 0755 "$directory"
  mkdir -m 0755 "$directory"/{bin,lib}
  cp -- "$omega" "$directory/bin/"
  cp -- "$OMEGA_BUILD/lib/libomega-ipc.so" "$directory/lib/"
  trap 'rm -rf -- "$omega_scratch" "'"$directory"'"' EXIT
  reachable=$directory/bin/omega
  as_user $first_user "$reachable" --version
  ((status == 0)) || reachable=
}

test_shared_namespace() {
  new_namespace 1777
  in_namespace "$omega" mk -S 1 --key 1 --mode 600
  as_user $first_user "$reachable" mk -S 2 --key 2 --mode 600
  expect users-mk 0 '^1$'
  as_user $second_user "$reachable" mk -S 3 --key 3 --mode 666
  expect users-mk-shared 0 '^2$'

  as_user $first_user "$reachable" ls
  expect users-ls 0 "^0x00000001 +0 .* 1 +- +- +-\$" \
    "^0x00000002 +1 +rw------- +$first_user +2 +0 +0" \
    "^0x00000003 +2 +rw-rw-rw- +$second_user +3 +0 +0"
  in_namespace "$omega" ls
  expect users-ls-root 0 " +1 +rw------- +$first_user " " +2 +rw-rw-rw- +$second_user "
  # A private set of another user: its id is no secret, what happens in it is.
  in_namespace "$omega" mk -S 5 --mode 640
  as_user $first_user "$reachable" ls
  expect users-ls-foreign 0 '^0x00000000 +3 +rw-r----- +root +5 +- +- +-$'
  # As in the kernel, everybody sees that a set is there.
  as_user $first_user "$reachable" run --namespace "$OMEGA_NAMESPACE" -- cat /proc/sysvipc/sem
  expect users-proc 0 '^ +1 +0 +600 +1 +0 +0 ' "^ +2 +1 +600 +2 +$first_user +$first_user " \
    "^ +3 +2 +666 +3 +$second_user " '^ +0 +3 +640 +5 +0 +0 '
  in_namespace "$omega" rm 3
  as_user $first_user "$reachable" doctor
  expect users-doctor 0 '3 sets in order, 1 of them not yours to open'

  as_user $second_user "$reachable" show 1
  expect users-show 1 "set 1 in /.*: you may not read it \\(you are $second_user\\)" 'omega ls'
  as_user $second_user "$reachable" rm 1
  expect users-rm 1 "set 1 in /.*: you may not remove it \\(you are $second_user\\)" \
    'Its owner and root'
  as_user $second_user "$reachable" rm --key 1
  expect users-rm-of-root 1 'you may not remove it'
  as_user $second_user "$reachable" limits --set semmni=1
  expect users-limits 1 'only its owner sets its limits, root' '--namespace DIR'
  as_user $second_user "$reachable" rm --all
  expect users-rm-all 1 '^removed set 2$' 'set 0 .*may not remove' 'set 1 .*may not remove'

  in_namespace "$omega" rm --owner $first_user
  expect users-rm-owner 0 '^removed set 1$'
  in_namespace "$omega" ls --json
  expect_json users-rm-owner-left '[s["id"] for s in d["semaphores"]] == [0]'
}

test_private_directories() {
  new_namespace
  as_user $first_user "$reachable" ls
  expect users-foreign-directory 1 'belongs to root, and you may not use it \(mode 700\)' \
    'chmod 1777'
  # Somebody else stands where a user's own directory would be.
  local own=/dev/shm/omega-ipc.$first_user
  if [[ -e $own ]]; then
    skip "users-own-directory: $own exists already"
    return
  fi
  mkdir -m 0755 "$own"
  OMEGA_NAMESPACE='' as_user $first_user "$reachable" ls
  expect users-own-directory-taken 1 "$own: belongs to root" 'OMEGA_IPC_NAMESPACE=DIR'
  chown $first_user "$own"
  OMEGA_NAMESPACE='' as_user $first_user "$reachable" ls
  expect users-own-directory-mode 1 "$own: has mode 755" "chmod 700 $own"
  rmdir "$own"
  OMEGA_NAMESPACE='' as_user $first_user "$reachable" ls
  expect users-own-directory-missing 0 '^Nothing in '
  OMEGA_NAMESPACE='' as_user $first_user "$reachable" mk -S 1
  expect users-own-directory-made 0 '^0$'
  if [[ $(stat -c '%a %u' "$own") == "700 $first_user" ]]; then
    ok users-own-directory-is-private
  else
    not_ok "users-own-directory-is-private: $(stat -c '%a %u' "$own")"
  fi
  rm -rf -- "$own"
}

# A tree that root starts and that goes on as somebody else.
# shellcheck disable=SC2016
test_tree_changes_user() {
  try "$reachable" run -- sh -c '"$0" mk -S 1 --mode 666 &&
    setpriv --reuid "$1" --regid "$1" --clear-groups sh -c "\"$0\" mk -S 2 && \"$0\" ls"' \
    "$reachable" $first_user
  expect users-tree 0 " +0 +rw-rw-rw- +root " " +1 +rw-r--r-- +$first_user +2"
  as_user $first_user "$reachable" run -- sh -c 'stat -c "%a %u" "$OMEGA_IPC_NAMESPACE"'
  expect users-run 0 "^700 $first_user\$"
}

if [[ $(id -u) != 0 ]] || ! have setpriv; then
  skip 'users: needs root and setpriv, to become other users'
else
  OMEGA_NAMESPACE=$omega_scratch
  find_reachable_tool
  if [[ -z $reachable ]]; then
    skip 'users: other users can execute nothing here'
  else
    test_shared_namespace
    test_private_directories
    test_tree_changes_user
  fi
fi
