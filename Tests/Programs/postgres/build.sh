# shellcheck shell=bash disable=SC2154 # postgres, need_why: set by the caller
# PostgreSQL from Debian's source package, for System V semaphores: Debian's own binaries use POSIX
# ones. Nothing in the sources is changed; its template for Linux takes the choice from the
# environment.

# The first of these that the release has.
postgres_packages=(postgresql-18 postgresql-17 postgresql-16 postgresql-15 postgresql-14)

# Other users must reach what is built; a clone in a home folder is often closed to them.
choose_postgres_directory() {
  postgres=$OMEGA_BUILD/postgres
  mkdir -p "$postgres"
  as_user test -x "$postgres" && return 0
  postgres=/var/tmp/omega-postgres
  mkdir -p "$postgres"
}

build_postgres() {
  local package
  choose_postgres_directory
  [[ -x $postgres/install/bin/postgres && -e $postgres/built ]] && return 0
  echo '# building PostgreSQL (once; some minutes)'
  need_package gcc gcc libc6-dev && need_package make make && need_package bison bison &&
    need_package flex flex && need_package perl perl && need_package dpkg-source dpkg-dev &&
    need_package patch patch || return 1
  for package in "${postgres_packages[@]}"; do
    fetch_debian_source "$package" && break
  done
  [[ -d $omega_sources/$package ]] || return 1
  rm -rf "$postgres"/{source,install,built}
  need_why="PostgreSQL could not be built, see $postgres/build.log"
  compile_postgres "$package" >"$postgres/build.log" 2>&1 </dev/null
}

# Joined by &&, because the caller's || makes bash ignore `set -e` in here.
compile_postgres() (
  dpkg-source --no-check -x "$omega_sources/$1"/*.dsc "$postgres/source" &&
    cd "$postgres/source" &&
    PREFERRED_SEMAPHORES=SYSV ./configure --prefix="$postgres/install" --without-icu \
      --without-readline --without-zlib CFLAGS=-O2 &&
    grep -q '^#define USE_SYSV_SEMAPHORES 1' src/include/pg_config.h &&
    nice -n 10 make -s -j "$(nproc)" && make -s install &&
    # `make check` writes into the tree, and does not run as root.
    { [[ $(id -u) != 0 ]] || chown -R "$test_user" "$postgres/source"; } &&
    touch "$postgres/built"
)
