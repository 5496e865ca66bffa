# swift.sh - an S3 server: Debian's Swift with s3api; see services.sh. It refuses wrong keys, regions and digests.

swift_missing() {
    local program
    for program in memcached swift-proxy-server swift-object-server swift-container-server swift-account-server; do
        command -v "$program" >/dev/null && continue
        echo "$program is not installed (swift-proxy swift-account swift-container swift-object memcached)"
        return
    done
}

swift_start() {
    make_folder swift "$folder/swift"
    "$here/services/swift_service.py" start "$folder/swift"
}

swift_stop() { "$here/services/swift_service.py" stop "$folder/swift"; }

swift_env() { cat "$folder/swift/env"; }

# All tests share the bucket: no name of an object is ever the same.
swift_run() {
    set -a
    # shellcheck disable=SC1091 # made by swift_service.py
    . "$folder/swift/env"
    set +a
    "$@"
}

swift_crash() {
    swift_stop
    swift_start
}
