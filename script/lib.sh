# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read by the scripts that source this
# Functions shared by the scripts. Sourced, never run; the caller has done `set -euo pipefail`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CARGO=${CARGO:-cargo}
TARGET_DIRECTORY=${CARGO_TARGET_DIR:-$ROOT/target}
DEV=$ROOT/.dev

OLDEST_POSTGRES=15
OLDEST_NODE=20
# Node from the npm registry, for systems whose own Node is older than OLDEST_NODE.
NODE_PACKAGE=node@22

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# --- Node -------------------------------------------------------------------------------------------------------------

# Puts the Node that bootstrap may have fetched first on the path.
use_own_node() {
  local own=$DEV/node/node_modules/node/bin
  if [ -x "$own/node" ]; then PATH=$own:$PATH; fi
}

node_is_recent() {
  have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$OLDEST_NODE" ]
}

# install_node_packages FOLDER: what its package-lock.json says, unless that is what is there already.
install_node_packages() {
  local folder=$1
  if [ -f "$folder/node_modules/.package-lock.json" ] &&
    cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-from"; then
    return 0
  fi
  step "Installing npm packages in ${folder#"$ROOT"/}"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
  cp "$folder/package-lock.json" "$folder/node_modules/.installed-from"
}

build_assets() {
  [ -f "$ROOT/assets/package.json" ] || return 0
  install_node_packages "$ROOT/assets"
  step "Building assets"
  (cd "$ROOT/assets" && npm run --silent build)
}

# --- Ports ------------------------------------------------------------------------------------------------------------

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if ! port_answers "$port"; then
      printf '%s' "$port"
      return 0
    fi
  done
  die "no free port found on 127.0.0.1"
}

# remembered_port NAME FILE: the port noted in FILE under NAME, or a free one that is then noted. What is remembered gives
# way to a free one when another program has taken it (when "$3" is not "running").
remembered_port() {
  local name=$1 file=$2 state=${3:-stopped} port=
  if [ -f "$file" ]; then port=$(sed -n "s/^$name=//p" "$file" | tail -n 1); fi
  if [ -z "$port" ] || { [ "$state" != running ] && port_answers "$port"; }; then
    port=$(free_port)
    {
      if [ -f "$file" ]; then sed "/^$name=/d" "$file"; fi
      printf '%s=%s\n' "$name" "$port"
    } >"$file.new"
    mv "$file.new" "$file"
  fi
  printf '%s' "$port"
}

# wait_until SECONDS COMMAND…: until the command succeeds.
wait_until() {
  local tries=$(($1 * 10))
  shift
  while [ "$tries" -gt 0 ]; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    tries=$((tries - 1))
    sleep 0.1
  done
  return 1
}

# --- Processes --------------------------------------------------------------------------------------------------------

# start_apart COMMAND…: in the background, in a process group of its own, so that Ctrl-C reaches it only by way of the
# script. Sets STARTED.
start_apart() {
  set -m
  "$@" &
  STARTED=$!
  set +m
}

# stop_group PID SECONDS: as stop_process, for everything that the process started, too.
stop_group() {
  kill -TERM -- "-$1" 2>/dev/null || return 0
  if ! wait_until "$2" group_is_gone "$1"; then kill -KILL -- "-$1" 2>/dev/null || true; fi
  wait "$1" 2>/dev/null || true
}

group_is_gone() { ! kill -0 -- "-$1" 2>/dev/null || process_is_gone "$1"; }

# stop_process PID SECONDS: asks it to end, and ends it after that time.
stop_process() {
  local pid=$1 seconds=$2
  kill -TERM "$pid" 2>/dev/null || return 0
  if ! wait_until "$seconds" process_is_gone "$pid"; then
    warn "process $pid did not end within $seconds s and is killed"
    kill -KILL "$pid" 2>/dev/null || true
  fi
  wait "$pid" 2>/dev/null || true
}

# A process that has ended but was not waited for yet (a zombie) is gone, too.
process_is_gone() {
  local state
  [ -r "/proc/$1/stat" ] || { ! kill -0 "$1" 2>/dev/null && return 0 || return 1; }
  state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)
  [ -z "$state" ] || [ "$state" = Z ]
}

# --- Private PostgreSQL and Redis -------------------------------------------------------------------------------------

# Folder of the newest PostgreSQL server that is recent enough; empty if there is none.
postgres_programs() {
  local folder version newest="" newest_version=0
  for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin "$(dirname "$(command -v pg_ctl || printf /nowhere/x)")"; do
    [ -x "$folder/pg_ctl" ] && [ -x "$folder/initdb" ] || continue
    version=$("$folder/pg_ctl" --version | sed 's/[^0-9]*\([0-9][0-9]*\).*/\1/')
    if [ "$version" -ge "$OLDEST_POSTGRES" ] && [ "$version" -gt "$newest_version" ]; then
      newest=$folder
      newest_version=$version
    fi
  done
  printf '%s' "$newest"
}

# Who runs the private servers: PostgreSQL refuses to run as root.
services_user() {
  if ! is_root; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    printf postgres
  else
    printf nobody
  fi
}

# as_services_user COMMAND…
as_services_user() {
  if is_root; then
    (cd / && exec runuser -u "$(services_user)" -- env HOME=/nonexistent "$@")
  else
    "$@"
  fi
}

# services_directory NAME: where the private servers called NAME keep their data, made if need be. It is .dev/NAME, or,
# if the servers' user may not enter the project's folder (as in /root), a folder under /var/tmp.
services_directory() {
  local directory=$DEV/$1
  mkdir -p "$directory"
  if is_root; then
    chown "$(services_user)" "$directory"
    if ! as_services_user test -w "$directory"; then
      rmdir "$directory" 2>/dev/null || true
      directory=/var/tmp/identite-$(printf '%s' "$ROOT" | cksum | cut -d ' ' -f 1)-$1
      mkdir -p "$directory"
      chown "$(services_user)" "$directory"
      chmod 700 "$directory"
    fi
  fi
  printf '%s' "$directory"
}

postgres_is_running() { as_services_user "$1/pg_ctl" status -D "$2/postgresql" >/dev/null 2>&1; }

# start_postgres DIRECTORY PORTS_FILE [EXTRA OPTIONS]: sets POSTGRES_URL. User, password and database are the same word.
start_postgres() {
  local directory=$1 ports=$2 options=${3:-} programs port name=proconnect-identite state=stopped
  programs=$(postgres_programs)
  [ -n "$programs" ] || die "PostgreSQL $OLDEST_POSTGRES or later is not installed (script/bootstrap installs it)"

  if [ ! -s "$directory/postgresql/PG_VERSION" ]; then
    step "Creating a private PostgreSQL in $directory"
    rm -rf "$directory/postgresql"
    local password_file=$directory/password
    printf '%s\n' "$name" >"$password_file"
    if is_root; then chown "$(services_user)" "$password_file"; fi
    as_services_user "$programs/initdb" -D "$directory/postgresql" -U "$name" --pwfile="$password_file" \
      --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$directory/initdb.log" 2>&1 ||
      die "initdb failed: $(tail -n 3 "$directory/initdb.log")"
    rm -f "$password_file"
  fi
  local created_by running_version
  created_by=$(cat "$directory/postgresql/PG_VERSION")
  running_version=$("$programs/pg_ctl" --version | sed 's/[^0-9]*\([0-9][0-9]*\).*/\1/')
  [ "$created_by" = "$running_version" ] ||
    die "$directory/postgresql belongs to PostgreSQL $created_by, found is $running_version: remove the folder to start afresh"

  if postgres_is_running "$programs" "$directory"; then state=running; fi
  port=$(remembered_port POSTGRES_PORT "$ports" "$state")
  if [ "$state" = stopped ]; then
    step "Starting PostgreSQL $running_version on 127.0.0.1:$port"
    as_services_user "$programs/pg_ctl" start -w -t 60 -s -D "$directory/postgresql" -l "$directory/postgresql.log" \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' $options" ||
      die "PostgreSQL did not start: $(as_services_user tail -n 5 "$directory/postgresql.log")"
  fi
  POSTGRES_URL=postgres://$name:$name@127.0.0.1:$port/$name
  ensure_database "$programs" "$port" "$name"
}

ensure_database() {
  local programs=$1 port=$2 name=$3
  local sql="SELECT 1 FROM pg_database WHERE datname = '$name'"
  local psql=(env PGPASSWORD="$name" "$programs/psql" -X -q -A -t -h 127.0.0.1 -p "$port" -U "$name" -d postgres)
  [ "$("${psql[@]}" -c "$sql")" = 1 ] || "${psql[@]}" -c "CREATE DATABASE \"$name\""
}

# stop_postgres DIRECTORY
stop_postgres() {
  local programs
  programs=$(postgres_programs)
  if [ -n "$programs" ] && postgres_is_running "$programs" "$1"; then
    as_services_user "$programs/pg_ctl" stop -s -w -m fast -D "$1/postgresql" || warn "PostgreSQL in $1 did not stop"
  fi
}

redis_pid() {
  local pid
  pid=$(cat "$1/redis.pid" 2>/dev/null) || return 1
  if kill -0 "$pid" 2>/dev/null && grep -q redis "/proc/$pid/cmdline" 2>/dev/null; then printf '%s' "$pid"; else return 1; fi
}

# start_redis DIRECTORY PORTS_FILE [EXTRA OPTIONS…]: sets PRIVATE_REDIS_URL. Nothing is kept on disk.
start_redis() {
  local directory=$1 ports=$2 port state=stopped
  shift 2
  have redis-server || die "Redis is not installed (script/bootstrap installs it)"
  if redis_pid "$directory" >/dev/null; then state=running; fi
  port=$(remembered_port REDIS_PORT "$ports" "$state")
  if [ "$state" = stopped ]; then
    step "Starting Redis on 127.0.0.1:$port"
    as_services_user redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no \
      --maxmemory-policy noeviction --dir "$directory" --daemonize yes --pidfile "$directory/redis.pid" --logfile "$directory/redis.log" "$@" >/dev/null
    wait_until 10 port_answers "$port" || die "Redis did not start: $(tail -n 3 "$directory/redis.log")"
  fi
  PRIVATE_REDIS_URL=redis://127.0.0.1:$port
}

# stop_redis DIRECTORY
stop_redis() {
  local pid
  if pid=$(redis_pid "$1"); then stop_process "$pid" 10; fi
}
