#!/usr/bin/env bash
# Run a command with a PostgreSQL server of its own: FABULA_TEST_POSTGRES holds its URL. Installs PostgreSQL (Debian,
# Ubuntu) where it is missing, listens on a Unix socket only, and leaves nothing behind.
set -euo pipefail

find_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

bin=$(find_bin || true)
if [ -z "$bin" ]; then
  root=""; [ "$(id -u)" = 0 ] || root="sudo"
  # The package would start a server on the usual port; ours is enough.
  $root mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" | $root tee /etc/postgresql-common/createcluster.conf >/dev/null
  $root apt-get update -qq
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
  bin=$(find_bin)
fi

folder=$(mktemp -d /tmp/fabula-postgres.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then  # PostgreSQL refuses to run as root
  chown postgres "$folder"
  as=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
stop() {
  "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT

# What is in this server is thrown away, so it need not survive a power cut.
"${as[@]}" "$bin/initdb" -D "$folder/data" -A trust -U fabula --no-sync >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
  -o "-k $folder -c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off" start >/dev/null
"${as[@]}" "$bin/createdb" -h "$folder" -U fabula fabula
FABULA_TEST_POSTGRES="postgresql://fabula@/fabula?host=$folder" "$@"
