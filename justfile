# The tasks of this repository; `just` lists them. People, CI and scripts use the same names.

_default:
    @just --list --unsorted

# Build the program for development.
build:
    cargo build --locked

# Format everything.
fmt:
    cargo fmt
    cargo fmt --manifest-path fuzz/Cargo.toml
    gofmt -w tests/kubernetes tests/clients

# Check formatting, clippy, and the Go code; warnings are errors.
lint:
    cargo fmt --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    cargo clippy --locked --all-targets -- -D warnings
    test -z "$(gofmt -l tests/kubernetes tests/clients)"
    cd tests/kubernetes && go vet -trimpath ./...

# Run all tests; the first run builds a Kubernetes control plane, which takes minutes.
test:
    cargo test --locked

# Measure: decisions, latency, the gate, the gateway, throughput, memory, a stalled reader, many clusters at once, 300 agents. `just bench latency` measures one.
bench *names:
    cargo bench --locked --bench mk8s -- {{ names }}

# Run all benchmarks on a quiet machine, and write docs/benchmarks.md.
bench-report:
    benches/report

# Check that the client compiles for Windows and macOS.
portable:
    tests/portable/check

# Kill the agent, and central on both databases, 200 times each under load, and see that nothing is lost; an hour.
torture:
    MK8S_TEST_KILLS=200 cargo test --locked --test it kills -- --nocapture
    MK8S_TEST_KILLS=200 cargo test --locked --test it audit::torture -- --nocapture

# Build helm, k9s and older kubectls, about 15 minutes the first time, and test them through the gateway.
clients:
    MK8S_TEST_CLIENTS=1 cargo test --locked --test it clients:: -- --nocapture

# Ten minutes of client-go informers through restarts of central and of the agent.
informer:
    MK8S_TEST_MINUTES=10 cargo test --locked --test it clients::informer -- --nocapture

# All that takes long, ten minutes each: informers, streams that are silent, clients that take nothing; and `torture`, `churn` and `requests`.
long: torture churn requests
    MK8S_TEST_MINUTES=10 cargo test --locked --test it clients::informer -- --nocapture
    MK8S_TEST_MINUTES=10 cargo test --locked --test it clients::idle -- --nocapture
    MK8S_TEST_MINUTES=6 cargo test --locked --test it clients::stalled -- --nocapture

# Open and close 50,000 connections to the gateway, 500 of them upgraded; nothing of them must stay.
churn:
    MK8S_TEST_CHURN=50000 cargo test --locked --test it clients::churn -- --nocapture

# Compare what a million generated requests mean with the API server's own code.
requests:
    MK8S_TEST_REQUESTS=1000000 cargo test --locked --test it request_info -- --nocapture

# Fuzz request targets and decisions (`request`) or header rules (`headers`); needs nightly Rust and cargo-fuzz. `just fuzz headers -max_total_time=120` ends.
fuzz target="request" *args:
    mkdir -p fuzz/corpus/{{ target }}
    cargo +nightly fuzz run --sanitizer none {{ target }} fuzz/corpus/{{ target }} fuzz/seeds/{{ target }} -- -dict=fuzz/{{ target }}.dict {{ args }}

# Run everything on this machine, with a test cluster if the current kube context does not answer.
demo:
    deploy/demo.sh

# Write the manual pages of all commands into a directory.
man dir:
    cargo run --locked --quiet --example man -- "{{ dir }}"

# Build the image, with docker, podman or buildah: [TAG] [argument of build]... The default tag is mk8s:VERSION.
docker *args:
    deploy/image/build {{ args }}

# Look at the image, and run every role from it as its user in a read-only root file system; as root.
docker-test *tag:
    deploy/image/test {{ tag }}

# Build the image for amd64 and arm64, push both as REGISTRY/NAME:TAG and sign them with the key that COSIGN_KEY names.
docker-publish name *args:
    deploy/image/publish {{ name }} {{ args }}

# Publish to a registry of its own, and look at what came there with crane and cosign.
docker-publish-test *args:
    deploy/image/publish-test {{ args }}

# Make what a release has in a new directory: binaries for amd64 and arm64, completions, manual pages, charts, a bill of materials, checksums.
release dir:
    deploy/release/make "{{ dir }}"

# Check that the API documentation builds without warnings.
docs-check:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Check licences, sources and advisories of all dependencies.
deny:
    cargo deny check

# Start a real Kubernetes cluster in a directory; writes DIR/admin.kubeconfig.
cluster-up dir:
    "$(tests/kubernetes/build)/cluster" up "{{ dir }}"

# Stop it.
cluster-down dir:
    "$(tests/kubernetes/build)/cluster" down "{{ dir }}"

# Build helm if it has not been built, and test the charts, the manifests and the units of systemd.
charts-test:
    MK8S_TEST_CLIENTS=1 cargo test --locked --test it charts:: -- --nocapture

# Write the tables of the charts' READMEs and the manifests anew.
charts-update:
    MK8S_TEST_CLIENTS=1 MK8S_TEST_UPDATE=1 cargo test --locked --test it charts::

# Write the references of configuration, command line and API anew (docs/reference).
reference:
    MK8S_TEST_UPDATE=1 cargo test --locked --test it docs::reference
