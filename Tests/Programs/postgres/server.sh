# shellcheck shell=bash disable=SC2154 # mode, work, postgres, sockets: set by the caller
# One PostgreSQL server of the test: started, asked, looked at, stopped.

bin() { echo "$postgres/install/bin/$1"; }

# PostgreSQL refuses to run as root.
as_user() {
  if [[ $(id -u) == 0 ]]; then
    setpriv --reuid "$test_user" --regid "$test_group" --clear-groups env HOME="$sockets" "$@"
  else
    "$@"
  fi
}

# The same on the kernel's IPC or on ours, as $mode says: two servers, which may both be running.
declare -A port_of=([kernel]=5432 [omega]=5433)
in_mode() {
  local -x PGUSER=postgres PGDATABASE=postgres PGHOST=$sockets PGPORT=${port_of[$mode]}
  if [[ $mode == kernel ]]; then as_user "$@"; else
    as_user env OMEGA_IPC_NAMESPACE="$OMEGA_NAMESPACE" LD_PRELOAD="$OMEGA_LIBRARY" "$@"
  fi
}

sql() { in_mode "$(bin psql)" -X -q -A -t -v ON_ERROR_STOP=1 -c "$1" 2>&1; }

server_log() { cat "$work/$mode.log" 2>/dev/null; }
postmaster_pid() { head -n 1 "$work/$mode/postmaster.pid" 2>/dev/null; }
start_server() { in_mode "$(bin pg_ctl)" -D "$work/$mode" -l "$work/$mode.log" -w -t 60 start; }

# What every server of the test has: System V for all three kinds, and sockets only.
write_settings() {
  printf '%s\n' 'shared_memory_type = sysv' 'dynamic_shared_memory_type = sysv' \
    "listen_addresses = ''" "unix_socket_directories = '$sockets'" 'max_connections = 40' \
    'shared_buffers = 128MB' 'fsync = off' 'max_wal_size = 4GB'
}

# Processor time, in ticks, of the postmaster's children that have ended.
children_ticks() { sed 's/.*) //' "/proc/$(postmaster_pid)/stat" | awk '{ print $14 + $15 }'; }

# wait_until SECONDS COMMAND...: polls; the limit is a watchdog only.
wait_until() {
  local turn limit=$(($1 * 10))
  shift
  for ((turn = 0; turn < limit; turn++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
  return 1
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# objects KIND: how many of sem, msg, shm exist where this mode's objects are.
objects() {
  if [[ $mode == kernel ]]; then kernel_objects "$1"; else
    find "$OMEGA_NAMESPACE" -regex ".*/$1\.[0-9]+" | wc -l
  fi
}

# What the server and pgbench keep equal, whatever was killed: balances and history agree.
balances_agree() {
  sql 'select count(distinct total) = 1 from (values
      ((select sum(abalance) from pgbench_accounts)), ((select sum(tbalance) from pgbench_tellers)),
      ((select sum(bbalance) from pgbench_branches)),
      ((select coalesce(sum(delta), 0) from pgbench_history))) as sums(total)'
}
