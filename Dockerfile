# One image for every role: what it does is its arguments, `serve central`, `serve agent`, `kubectl get pods`.
#
#   docker build --tag mk8s .                                              or: just docker
#   docker buildx build --platform linux/amd64,linux/arm64 --tag mk8s .    cross-compiled, nothing is emulated
#
# The base images are arguments, so that those of a registry of one's own, or by digest, can stand in their place:
# Debian with Rust and rustup, Debian with Go, and what the image itself begins with.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG GO_IMAGE=golang:1.26-bookworm
ARG RUN_IMAGE=alpine:3.22

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS mk8s
ARG TARGETARCH
WORKDIR /src
COPY deploy/release/prepare deploy/release/
RUN deploy/release/prepare "$TARGETARCH"
COPY . .
ARG MK8S_COMMIT=unknown
RUN --mount=type=cache,id=mk8s-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=mk8s-target-$TARGETARCH,target=/src/target \
    MK8S_COMMIT="$MK8S_COMMIT" cp "$(deploy/release/compile "$TARGETARCH")" /mk8s && mkdir /home/mk8s

# The kubectl that agents run, of the version that mk8s is tested with.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS kubectl
ARG TARGETARCH
WORKDIR /src
COPY tests/kubernetes/go.mod tests/kubernetes/go.sum ./
COPY deploy/image/kubectl /
RUN --mount=type=cache,id=mk8s-go,target=/root/.cache/go-build /kubectl "$TARGETARCH" /out/kubectl

FROM ${RUN_IMAGE}
COPY --from=mk8s /mk8s /usr/local/bin/mk8s
COPY --from=kubectl /out/kubectl /usr/local/bin/kubectl
COPY LICENSE /usr/share/licenses/mk8s/LICENSE
# Where the state of a client, or of a central without a data_dir, is: a volume, if it shall stay. A new one gets its owner.
COPY --from=mk8s --chown=65532:65532 /home/mk8s /home/mk8s
ENV HOME=/home/mk8s
USER 65532:65532
ARG VERSION=0.1.0
ARG MK8S_COMMIT=unknown
LABEL org.opencontainers.image.title="mk8s" \
      org.opencontainers.image.description="kubectl to every cluster through one hub" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$MK8S_COMMIT"
EXPOSE 8443
ENTRYPOINT ["mk8s"]
CMD ["--help"]
