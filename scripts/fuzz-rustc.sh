#!/bin/sh
# rustc for fuzz builds: coverage in the code that strangers' bytes reach, none elsewhere, so that a
# run is fast and its edges are edges of that code. Needs no nightly: the pass is LLVM's own.
set -eu
crate=""
previous=""
for argument in "$@"; do
  [ "$previous" = "--crate-name" ] && crate=$argument
  previous=$argument
done
case " $* " in
  *" --target "*) ;;
  # Build scripts and macros link no libFuzzer.
  *) exec "$@" ;;
esac
case $crate in
  chartroom_* | minicbor | serde_json) compares=-Cllvm-args=-sanitizer-coverage-trace-compares ;;
  # Their columns compare in inner loops, and tracing that took half of every run.
  automerge | hexane) compares="" ;;
  *) exec "$@" ;;
esac
# shellcheck disable=SC2086
exec "$@" -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
  $compares
