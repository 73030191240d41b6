#!/usr/bin/env bash
# run.sh PROBE PLANTED: the CUDA backend is looked for beside the real program, whatever argv[0] and the current folder are, and what
# strangers may have written is not loaded. A library of mathematics stands in for the driver, without which nothing is looked for.
set -euo pipefail
probe=$1 planted=$2 here=$(mktemp -d)
trap 'rm -r "$here"' EXIT
mkdir "$here/bin" "$here/driver"
cp "$planted" "$here/bin/libscoregrad_cuda.so"
cp "$planted" "$here/libscoregrad_cuda.so"
cp "$(ldd "$probe" | awk '/libm\.so/ { print $3 }')" "$here/driver/libcuda.so.1"
cp "$probe" "$here/bin/copy"
touch "$here/bin/test_probe"
cd "$here/bin"
export LD_LIBRARY_PATH=$here/driver${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
unset SCOREGRAD_CUDA_LIBRARY SCOREGRAD_DEVICE
wrong() { echo "$1: $said"; exit 1; }

said=$(bash -c 'exec -a test_probe "$0" cuda' "$probe" || true)
[[ $said != *planted* ]] || wrong "argv[0] was believed"
mv copy libscoregrad_cuda.so "$here/driver"
cd "$here/driver"
said=$(./copy cuda || true)
[[ $said == *planted* ]] || wrong "the library beside the program was not loaded"
chmod o+w libscoregrad_cuda.so
said=$(./copy cuda || true)
[[ $said != *planted* && $said == *"may be written by everybody"* ]] || wrong "a library that everybody may write was loaded"
chmod o-w libscoregrad_cuda.so
chmod o+w .
said=$(./copy cuda || true)
[[ $said != *planted* ]] || wrong "a library in a folder that everybody may write was loaded"
said=$(SCOREGRAD_CUDA_LIBRARY=$planted ./copy cuda || true)
[[ $said == *planted* ]] || wrong "the library that the user chose was not loaded"
