#!/usr/bin/env bash
# Runs mk8s on this machine: builds it, finds or starts a Kubernetes cluster, starts central and an agent,
# and runs a few commands through them. On a terminal it stays up until Ctrl-C; otherwise it ends by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
[ -t 2 ] || say() { printf '\n%s\n' "$*" >&2; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/mk8s-demo.XXXXXX")
cluster='' demo=''
finish() {
    trap '' INT TERM
    if [ -n "$demo" ]; then
        kill -TERM "$demo" 2>/dev/null || true
        wait "$demo" 2>/dev/null || true
    fi
    if [ -n "$cluster" ]; then "$cluster" down "$dir/cluster"; fi
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.95 or newer (https://rustup.rs)" >&2; exit 1; }
say 'Building mk8s'
cargo build --locked
mk8s="${CARGO_TARGET_DIR:-target}/debug/mk8s"

if command -v kubectl >/dev/null && kubectl --request-timeout=5s get --raw /version >/dev/null 2>&1; then
    say "Using the current kube context, $(kubectl config current-context 2>/dev/null || echo 'in this cluster')"
    options=()
else
    say 'No kube context answers: starting a test cluster (its first build takes about ten minutes)'
    binaries=$(tests/kubernetes/build)
    cluster="$binaries/cluster"
    "$cluster" up "$dir/cluster"
    options=(--kubeconfig "$dir/cluster/admin.kubeconfig" --kubectl "$binaries/kubectl")
fi

say 'Starting central and an agent'
# In a process group of its own, so that Ctrl-C reaches this script alone and the end is orderly.
set -m
"$mk8s" demo --dir "$dir/demo" "${options[@]}" >"$dir/demo.log" 2>&1 </dev/null &
demo=$!
set +m
until [ -e "$dir/demo/env.sh" ]; do
    if ! kill -0 "$demo" 2>/dev/null; then
        cat "$dir/demo.log" >&2
        echo 'mk8s demo did not start' >&2
        exit 1
    fi
    sleep 0.1
done
# shellcheck source=/dev/null
. "$dir/demo/env.sh"

run() {
    say "\$ mk8s $*"
    "$mk8s" "$@"
}
run clusters list
run kubectl get pods -A
run kubectl get namespaces

if [ -t 1 ]; then
    say 'It stays up until Ctrl-C. In another terminal, try:'
    cat <<TEXT

  . $dir/demo/env.sh
  $PWD/$mk8s kubectl get nodes -o wide
  $PWD/$mk8s kubectl create deployment hello --image=hello
  $PWD/$mk8s admin users create ann@example.com --role developer

TEXT
    wait "$demo"
fi
