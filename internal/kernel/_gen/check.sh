#!/bin/sh
# Fails where the committed assembly is not what the generator writes.
set -eu
cd "$(dirname "$0")"
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
go vet ./...
go test ./arm64
go run ./matrix "$new"
go run ./screen "$new"
go run ./widen "$new"
go run ./search "$new"
go run ./arm64 "$new"
for isa in avx512 avx2; do
	go -C vector run . -isa $isa -pkg kernel -out "$new/vector_${isa}_amd64.s" -stubs "$new/vector_${isa}_amd64.go"
done
status=0
for f in "$new"/*; do
	diff -u -I '^// Code generated' "../$(basename "$f")" "$f" || status=1
done
for f in ../*_avx*_amd64.s ../*_avx*_amd64.go ../*_neon*_arm64.s ../*_neon*_arm64.go; do
	test -e "$new/$(basename "$f")" || { echo "$f: no generator writes it"; status=1; }
done
exit $status
