# shellcheck shell=bash
# Damaged objects and wrong directories are named, with the way out: sourced by run.

# damage NAME CAUSE COMMAND: spoils the file of the first object of $kind in $image, looks at it,
# removes it, looks again.
damage() {
  local name=$kind-$1 cause=$2 spoil=$3 image option prefix make plural
  case $kind in
    set) option=-s prefix=sem make='mk -S 4' plural=semaphores ;;
    queue) option=-q prefix=msg make='mk -Q' plural=queues ;;
    segment) option=-m prefix=shm make='mk -M 9' plural=segments ;;
  esac
  new_namespace
  # shellcheck disable=SC2086 # words
  in_namespace "$omega" $make --key 0x77
  # shellcheck disable=SC2086 # words
  in_namespace "$omega" $make
  image=$OMEGA_NAMESPACE/$prefix.00000
  eval "$spoil"
  in_namespace "$omega" ls
  expect "damage-$name-ls" 1 "$prefix.00000: $cause" "omega rm $option 0\$" '^0x00000000 +1 +rw-'
  in_namespace "$omega" doctor
  expect "damage-$name-doctor" 1 "FAIL +object: .*$prefix.00000" "omega rm $option 0\$" "1 $kind"
  in_namespace "$omega" show $option 0
  expect "damage-$name-show" 1 "$prefix.00000: $cause" "omega rm $option 0\$"
  in_namespace "$omega" rm 0
  expect "damage-$name-rm" 0
  in_namespace "$omega" ls --json
  expect_json "damage-$name-gone" "[s['id'] for s in d['$plural']] == [1]"
  if [[ -e $OMEGA_NAMESPACE/$prefix.key.00000077 || -L $OMEGA_NAMESPACE/$prefix.key.00000077 ]]; then
    not_ok "damage-$name-key: the key is still taken"
  else
    ok "damage-$name-key"
  fi
}

# put OFFSET: writes standard input into the file in $image.
put() { dd of="$image" bs=1 seek="$1" conv=notrunc 2>/dev/null; }

# shellcheck disable=SC2016 # evaluated in damage
test_damage() {
  local kind
  for kind in set queue segment; do
    damage truncated 'has 4096 bytes' 'truncate -s 4096 "$image"'
    damage overwritten "does not begin as a $kind" 'head -c 512 /dev/zero | put 0'
    damage foreign "does not begin as a $kind" 'rm "$image"; echo "a letter" >"$image"'
    damage version 'has layout version 77' 'printf "\115" | put 8'
    damage name 'says that its id is 9' 'printf "\011" | put 24'
    damage short 'has 3 bytes' 'rm "$image"; echo no >"$image"'
    damage directory 'is not a regular file' 'rm "$image"; mkdir "$image"'
    damage link 'is not a regular file' 'rm "$image"; ln -s /etc/hostname "$image"'
    damage pipe 'is not a regular file' 'rm "$image"; mkfifo "$image"'
  done
  kind=set
  damage size 'says that it has 5 semaphores' 'printf "\005" | put 16'
  kind=queue
  damage size 'says that it has another size than it has \(5\)' 'printf "\005" | put 16'
}

# shellcheck disable=SC2016
test_unknown_state() {
  local image
  new_namespace
  in_namespace "$omega" mk -S 4
  image=$OMEGA_NAMESPACE/sem.00000
  printf '\143' | put 40
  in_namespace "$omega" ls
  expect damage-state-ls 1 'sem.00000: has the state 99' 'omega rm -s 0$'
  in_namespace "$omega" rm 0
  in_namespace "$omega" ls --json
  expect_json damage-state-gone 'd["semaphores"] == []'
}

test_foreign_files() {
  new_namespace
  in_namespace "$omega" mk -S 1
  touch "$OMEGA_NAMESPACE/$(printf 'odd\033[31mname')"
  in_namespace "$omega" ls
  expect foreign-file 0 'Note: .*odd\?\[31mname: is no file of Omega IPC'
  in_namespace "$omega" doctor
  expect foreign-file-doctor 0 '^note +foreign file'
}

test_wrong_directories() {
  new_namespace 0777
  in_namespace "$omega" ls
  expect directory-open 1 'others may remove and replace its files \(mode 777\)' 'chmod 700' \
    'chmod 1777'
  in_namespace "$omega" doctor
  expect directory-open-doctor 1 '^FAIL +namespace: ' 'mode 777' 'chmod 700'
  try "$omega" run --namespace "$OMEGA_NAMESPACE" -- true
  expect directory-open-run 125 'chmod 700'
  touch "$omega_scratch/file"
  try "$omega" ls --namespace "$omega_scratch/file"
  expect directory-file 1 'file: is not a directory' 'DIR'
  new_namespace
  ln -s "$OMEGA_NAMESPACE" "$omega_scratch/alias"
  try "$omega" ls --namespace "$omega_scratch/alias"
  expect directory-link 1 'alias: is not a directory' 'DIR'
}

test_damage
test_unknown_state
test_foreign_files
test_wrong_directories
