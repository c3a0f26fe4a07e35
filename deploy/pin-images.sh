#!/bin/sh
# Writes the images that deploy/ uses, with the digests that their tags have now, into deploy/.env (needs docker).
# pin-images.sh --check: asks nobody; says which of them are not pinned there, with exit code 1.
set -eu
file=$(dirname "$0")/.env
images='BASE_IMAGE=python:3.13-slim
POSTGRES_IMAGE=postgres:18
REDIS_IMAGE=valkey/valkey:9
PROMETHEUS_IMAGE=prom/prometheus:latest
GRAFANA_IMAGE=grafana/grafana:latest'
umask 077
touch "$file"
missing=0
for pair in $images; do
    name=${pair%%=*} image=${pair#*=}
    if [ "${1:-}" = --check ]; then
        grep -Eq "^$name=[^@]+@sha256:[0-9a-f]{64}$" "$file" && continue
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
