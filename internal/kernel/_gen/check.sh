#!/bin/sh
# Fails where the committed assembly is not what the generator writes.
set -eu
cd "$(dirname "$0")"
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
go vet ./matrix
go run ./matrix "$new"
status=0
for f in "$new"/*; do
	diff -u "../$(basename "$f")" "$f" || status=1
done
for f in ../matrix_avx*_amd64.s ../matrix_avx*_amd64.go; do
	test -e "$new/$(basename "$f")" || { echo "$f: no generator writes it"; status=1; }
done
exit $status
