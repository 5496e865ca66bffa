# postgres.sh - a private PostgreSQL on a socket and on loopback; see services.sh. Nothing survives a power failure there:
# fsync is off. The role birefnet may make databases and nothing else.

postgres_bin() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1; }
postgres_password=a-word-for-tests

postgres_missing() {
    if [ -z "$(postgres_bin)" ]; then echo "not installed (apt-get install postgresql)"; fi
}

postgres_ctl() {
    as postgres "$(postgres_bin)/pg_ctl" -s -w -t 60 -D "$folder/postgres/data" -l "$folder/postgres/log" "$@"
}

# PORT
postgres_settings() {
    cat <<END
port = $1
listen_addresses = '$(host_of postgres)'
unix_socket_directories = '$folder/postgres'
fsync = off
max_connections = 200
shared_buffers = 32MB
max_wal_size = 128MB
END
}

# Words of SQL to the database of that name, as the administrator.
postgres_sql() {
    as postgres "$(postgres_bin)/psql" -X -q -v ON_ERROR_STOP=1 -h "$folder/postgres" -p "$(cat "$folder/postgres.port")" \
        -U postgres -d "$1" -c "$2"
}

postgres_start() {
    local port
    make_folder postgres "$folder/postgres"
    as postgres "$(postgres_bin)/initdb" -N -E UTF8 --locale=C.UTF-8 -U postgres --auth-local=trust \
        --auth-host=scram-sha-256 --no-instructions -D "$folder/postgres/data" >/dev/null
    echo "host all all $(host_of postgres)/8 scram-sha-256" | as postgres tee -a "$folder/postgres/data/pg_hba.conf" >/dev/null
    for _ in 1 2 3 4 5; do
        port=$(some_port)
        postgres_settings "$port" | as postgres tee -a "$folder/postgres/data/postgresql.conf" >/dev/null
        if postgres_ctl start 2>/dev/null; then
            echo "$port" >"$folder/postgres.port"
            postgres_sql postgres "CREATE ROLE birefnet LOGIN CREATEDB PASSWORD '$postgres_password'"
            return 0
        fi
    done
    tail -5 "$folder/postgres/log" >&2
    return 1
}

postgres_stop() { postgres_ctl stop -m immediate || true; }

postgres_crash() {
    postgres_ctl stop -m immediate
    postgres_ctl start
}

# Address of a database: NAME [SERVICE], postgres or the one before it
postgres_address() {
    local service=${2:-postgres}
    echo "postgresql://birefnet:$postgres_password@$(host_of "$service"):$(cat "$folder/$service.port")/$1"
}

postgres_env() {
    local port
    port=$(cat "$folder/postgres.port")
    echo "BN_POSTGRES=$(postgres_address postgres)"
    echo "BN_POSTGRES_SOCKET=postgresql://birefnet@/postgres?host=$folder/postgres&port=$port"
}

# SERVICE COMMAND...: a database of its own for the command. On a busy machine it takes longer to be let in than the 2 s after
# which the program asks another host.
postgres_run_at() {
    local service=$1 database=test_$$_$RANDOM code=0
    shift
    postgres_sql postgres "CREATE DATABASE $database OWNER birefnet"
    BN_TEST_STORE="$(postgres_address "$database" "$service")?connect_timeout=60" "$@" || code=$?
    postgres_sql postgres "DROP DATABASE $database WITH (FORCE)" || true
    exit "$code"
}

postgres_run() { postgres_run_at postgres "$@"; }
