# shellcheck shell=bash disable=SC2154 # need_why: of lib-omega.sh
# Source packages of Debian, for the test suites and programs in them. Fetched with apt into
# build/sources, with lists of its own: the machine's sources.list stays as it is.

omega_sources=$OMEGA_BUILD/sources

# apt_sources COMMAND...: apt-get on the source packages of this Debian release.
apt_sources() {
  local apt=$omega_sources/apt
  apt-get -qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User= "$@" \
    </dev/null
}

prepare_apt_sources() {
  local apt=$omega_sources/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg codename
  [[ -e $apt/ready ]] && return 0
  need_why='no Debian: its source packages are not fetched'
  [[ -r $keyring ]] && have apt-get || return 1
  codename=$(. /etc/os-release && [[ $ID == debian ]] && echo "$VERSION_CODENAME") || return 1
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian $codename main" \
    >"$apt/sources.list"
  need_why='apt-get update of the source packages failed (no network?)'
  apt_sources update >/dev/null 2>&1 && touch "$apt/ready"
}

# fetch_debian_source PACKAGE: its files in build/sources/PACKAGE. After a failure $need_why says why.
fetch_debian_source() {
  local package=$1 directory=$omega_sources/$1
  compgen -G "$directory/*.orig.tar.*" >/dev/null && return 0
  prepare_apt_sources || return 1
  need_why="apt-get source $package failed"
  mkdir -p "$directory.new"
  (cd "$directory.new" && apt_sources source --download-only "$package") >/dev/null 2>&1 ||
    { rm -rf "$directory.new"; return 1; }
  rm -rf "$directory"
  mv "$directory.new" "$directory"
}

# unpack_debian_source PACKAGE PATTERN...: the files that match (below the first folder) in
# build/sources/PACKAGE/tree.
unpack_debian_source() {
  local package=$1 directory=$omega_sources/$1 pattern patterns=()
  shift
  fetch_debian_source "$package" || return 1
  [[ -d $directory/tree ]] && return 0
  for pattern in "$@"; do patterns+=("*/$pattern"); done
  rm -rf "$directory/tree.new"
  mkdir "$directory/tree.new"
  need_why="the source of $package could not be unpacked"
  # The main archive comes first in the order of names; others hold Debian's additions.
  local archive
  archive=$(find "$directory" -maxdepth 1 -name '*.orig.tar.?z*' | LC_ALL=C sort | head -n 1)
  tar -xf "$archive" -C "$directory/tree.new" --strip-components=1 --wildcards "${patterns[@]}" \
    2>/dev/null || return 1
  mv "$directory/tree.new" "$directory/tree"
}
