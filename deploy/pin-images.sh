#!/bin/sh
# Writes the images that compose.yaml and the Dockerfile name, with the digests that their tags have now, into deploy/.env (needs
# docker).
# pin-images.sh --check: asks nobody; says which of them are not pinned there, with exit code 1.
set -eu
file=$(dirname "$0")/.env
images='BASE_IMAGE=python:3.13.16-slim
POSTGRES_IMAGE=postgres:18.6
REDIS_IMAGE=valkey/valkey:9.1.1
PROMETHEUS_IMAGE=prom/prometheus:v3.13.2
GRAFANA_IMAGE=grafana/grafana:13.1.1'
umask 077
[ "${1:-}" = --check ] || touch "$file"
missing=0
for pair in $images; do
    name=${pair%%=*} image=${pair#*=}
    if [ "${1:-}" = --check ]; then
        grep -Eqs "^$name=$image@sha256:[0-9a-f]{64}$" "$file" && continue
        echo "$name ($image) is not pinned; run deploy/pin-images.sh" >&2
        missing=1
        continue
    fi
    digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
    { grep -v "^$name=" "$file" || true; echo "$name=$image@$digest"; } > "$file.new"
    mv "$file.new" "$file"
    echo "$name=$image@$digest"
done
exit $missing
