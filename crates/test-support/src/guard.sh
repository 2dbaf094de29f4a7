# Guards one server: sh -c THIS guard DIR SIGNAL GRACE COMMAND...
#
# Reads commands from the test process; when their pipe closes (it was dropped, or the test process died), stops the
# server with SIGNAL, after GRACE hundredths of a second with KILL, and removes DIR.
dir=$1 signal=$2 grace=$3
shift 3
pid=

# A pid may be somebody else's by now: the server is a child of this shell or it is not the server.
alive() {
    [ -n "$pid" ] && read -r stat <"/proc/$pid/stat" || return 1
    set -- ${stat##*) }
    [ "$1" != Z ] && [ "$2" = $$ ]
}

stop() {
    alive && kill -s "$1" "$pid"
    left=$2
    while alive && [ "$left" -gt 0 ]; do
        sleep 0.01
        left=$((left - 1))
    done
    alive && kill -s KILL "$pid"
    [ -n "$pid" ] && wait "$pid"
    pid=
}

clean() {
    trap '' TERM
    stop "$signal" "$grace"
    # What the server's own children still write while they end makes rm fail once or twice.
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf "$dir" && return
        sleep 0.1
    done
}

trap '' HUP INT QUIT PIPE
trap 'exit 0' TERM
trap clean EXIT

while read -r word how limit; do
    case $word in
    start)
        stop KILL 0
        "$@" </dev/null >>"$dir/log" 2>&1 &
        pid=$!
        echo "$pid"
        ;;
    stop)
        stop "$how" "$limit"
        echo stopped
        ;;
    status)
        if alive; then echo running; else
            wait "$pid"
            echo "exited $?"
        fi
        ;;
    esac
done
