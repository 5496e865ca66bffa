# pgbouncer.sh - pgbouncer in transaction mode before the PostgreSQL of postgres.sh; see services.sh.

pgbouncer_missing() {
    if ! command -v pgbouncer >/dev/null && [ ! -x /usr/sbin/pgbouncer ]; then
        echo "not installed (apt-get install pgbouncer)"
    elif ! is_running postgres; then
        echo "postgres does not run"
    fi
}

# PORT; where root starts it, the folder is the service's
pgbouncer_write() {
    cat <<END
[databases]
* = host=$(host_of postgres) port=$(cat "$folder/postgres.port")
[pgbouncer]
listen_addr = $(host_of pgbouncer)
listen_port = $1
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/pgbouncer/users
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
logfile = $folder/pgbouncer/log
pidfile = $folder/pgbouncer/pid
END
}

# Whether it lets us through.
pgbouncer_answers() {
    "$(postgres_bin)/psql" -X -q -d "$(postgres_address postgres pgbouncer)" -c "SELECT 1" >/dev/null 2>&1
}

pgbouncer_start() {
    local port
    make_folder postgres "$folder/pgbouncer"
    echo "\"birefnet\" \"$postgres_password\"" | as postgres tee "$folder/pgbouncer/users" >/dev/null
    for _ in 1 2 3 4 5; do
        port=$(some_port)
        echo "$port" >"$folder/pgbouncer.port"
        pgbouncer_write "$port" | as postgres tee "$folder/pgbouncer/ini" >/dev/null
        as postgres /usr/sbin/pgbouncer -q -d "$folder/pgbouncer/ini" || continue
        for _ in $(seq 100); do
            if pgbouncer_answers; then return 0; fi
            sleep 0.1
        done
        pgbouncer_stop
    done
    tail -5 "$folder/pgbouncer/log" >&2
    return 1
}

pgbouncer_stop() {
    local pid
    pid=$(cat "$folder/pgbouncer/pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
}

# What was killed holds its port until it is gone.
pgbouncer_crash() {
    local at
    at=$(host_of pgbouncer)/$(cat "$folder/pgbouncer.port")
    kill -9 "$(cat "$folder/pgbouncer/pid")"
    rm -f "$folder/pgbouncer/pid"
    while (: <"/dev/tcp/$at") 2>/dev/null; do sleep 0.01; done
    as postgres /usr/sbin/pgbouncer -q -d "$folder/pgbouncer/ini"
}

pgbouncer_env() { echo "BN_PGBOUNCER=$(postgres_address postgres pgbouncer)"; }

pgbouncer_run() { postgres_run_at pgbouncer "$@"; }
