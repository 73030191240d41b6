#!/usr/bin/env bash
# Everything that needs a GPU, in one go and under nine minutes on a machine without network:
#   benchmarks/gpu.sh [OUTPUT] [PACKAGES]
# builds for the GPU at hand, runs the GPU tests, times the library beside CUDA's own, verifies, and runs compute-sanitizer; writes logs and
# a summary into OUTPUT (build/gpu-run) and exits 0 only if nothing failed, nothing ran out of time and no GPU test was skipped.
#
# The machine needs a driver, a CUDA toolkit (11.8 to 13, with compute-sanitizer), g++, CMake 3.25 and ninja. What else the build wants may
# be installed, or brought along as Debian packages in the folder PACKAGES, fetched on any Debian 12 of the same architecture:
#   mkdir packages && cd packages
#   apt-get download libfmt-dev libfmt9 catch2 libcli11-dev nlohmann-json3-dev libhwy-dev libhwy1 zlib1g-dev zlib1g liblapacke-dev \
#     liblapacke liblapack3 libopenblas0-pthread libopenblas-pthread-dev libgfortran5 libquadmath0 libtmglib3            # 20 MiB
# fmt, Catch2, CLI11 and nlohmann-json are needed; the others make the CPU side, which the GPU is compared with, fast and complete.
# A toolkit made of Python's wheels serves too: set CUDA_HOME to its folder, such as .../site-packages/nvidia/cu13.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output=$(realpath -m "${1:-build/gpu-run}") packages=${2:+$(realpath "$2")} build=$PWD/build/gpu
deadline=$((SECONDS + 525)) failed=0
mkdir -p "$output"
rm -f "$output"/*

configure=(-S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSCOREGRAD_CUDA=ON -DSCOREGRAD_ONEDNN=OFF)
if [[ -n $packages ]]; then
  prefix=$build/packages/usr architecture=$(uname -m)-linux-gnu
  mkdir -p "$build/packages"
  for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$build/packages" || exit 1; done
  libraries=$prefix/lib/$architecture
  configure+=("-DCMAKE_PREFIX_PATH=$prefix;$libraries" "-DCMAKE_LIBRARY_PATH=$libraries;$libraries/openblas-pthread"
    "-DCMAKE_INCLUDE_PATH=$prefix/include;$prefix/include/$architecture"
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,-rpath-link,$libraries:$libraries/openblas-pthread")
  export LD_LIBRARY_PATH=$libraries:$libraries/openblas-pthread:${LD_LIBRARY_PATH:-}
fi
# Wheels have libcudart.so.13 and no libcudart.so, which is what CMake and the linker look for, and lib/ where nvcc looks into lib64/.
if [[ -n ${CUDA_HOME:-} && -d $CUDA_HOME/lib && ! -e $CUDA_HOME/lib64 ]]; then
  ln -s lib "$CUDA_HOME/lib64"
  for library in "$CUDA_HOME"/lib/lib*.so.*; do
    [[ -e ${library%%.so.*}.so ]] || ln -s "${library##*/}" "${library%%.so.*}.so"
  done
  export LD_LIBRARY_PATH=$CUDA_HOME/lib:${LD_LIBRARY_PATH:-}
fi
# One line on what the device is; a cache of kernels of its own, which starts empty.
export SCOREGRAD_LOG=1 XDG_CACHE_HOME=$build/cache
rm -rf "$XDG_CACHE_HOME"

# step NAME LIMIT LOG COMMAND...: runs it for at most LIMIT seconds, what is left of the whole if that is less, with its output in LOG. Shows
# the end of the output of what failed.
step() {
  local name=$1 limit=$2 log=$output/$3 start=$SECONDS status
  shift 3
  ((limit > deadline - SECONDS)) && limit=$((deadline - SECONDS))
  if ((limit < 5)); then
    printf '| %s | no time left | |\n' "$name" >>"$output/summary.md"
    failed=1
    return 1
  fi
  printf '\n==== %s: %s\n' "$name" "$*" >>"$log"
  timeout --kill-after=5 "$limit" "$@" >>"$log" 2>&1
  status=$?
  local verdict=ok
  ((status == 124 || status == 137)) && verdict="stopped after $limit s"
  ((status != 0 && status != 124 && status != 137)) && verdict="FAILED ($status)"
  printf '| %s | %s | %d s |\n' "$name" "$verdict" $((SECONDS - start)) | tee -a "$output/summary.md"
  if ((status != 0)); then
    failed=1
    tail -n 30 "$log" | sed 's/^/    /'
  fi
  return $status
}

{
  echo "# A run on a GPU, $(date -u +%Y-%m-%d), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit')"
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | sed 's/^/\n/'
  printf '\n| step | outcome | time |\n| --- | --- | --- |\n'
} | tee "$output/summary.md"
{
  uname -a
  nvidia-smi
  cmake --version
  g++ --version
  nproc
} >"$output/environment.log" 2>&1

step configure 60 build.log cmake "${configure[@]}"
step build 270 build.log cmake --build "$build" --parallel "$(nproc)" || { cat "$output/summary.md"; exit 1; }
step tests 180 tests.log ctest --test-dir "$build" -L cuda --output-on-failure --no-tests=error --parallel 12
if grep -q 'Skipped' "$output/tests.log"; then
  echo '| skipped GPU tests | FAILED | |' | tee -a "$output/summary.md"
  failed=1
fi
step benchmark 60 bench.jsonl "$build/benchmarks/bench_peers" --device cuda --case gpu_ --seconds 0.5
step 'benchmark of CUDA itself' 30 bench.jsonl "$build/benchmarks/direct_cublas" --seconds 0.5
step 'benchmark of training steps' 30 bench.jsonl "$build/benchmarks/bench_peers" --device cuda --case mlp --seconds 0.5
step verify 60 verify.log "$build/examples/verify" --device cuda --quick --json "$output/verify.json"
# Memory and races as compute-sanitizer sees them; without the pool every block has bounds of its own.
export SCOREGRAD_DEVICE=cuda SCOREGRAD_CUDA_POOL=0 SCOREGRAD_TRIALS=0.1
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | tail -n 1)
contract=$build/tests/test_contract
# What the library asks and handles itself, such as whether there is memory, is no error. cuBLAS reads workspace that nobody has written.
for check in memcheck racecheck initcheck; do
  files='[#copy],[#reduce],[#index],[#sort],[#random]'
  [[ $check == initcheck ]] || files+=',[#matmul],[#graph]'
  step "compute-sanitizer $check" 45 sanitizers.log "${sanitizer:-compute-sanitizer}" --tool $check --report-api-errors no \
    --error-exitcode 9 "$contract" -\# "$files"
done
unset SCOREGRAD_DEVICE SCOREGRAD_CUDA_POOL SCOREGRAD_TRIALS
step 'a thousand million samples' 60 verify.log "$build/examples/verify" --device cuda --only 'gaussian*' --samples 1e9 --dtype float32

# The numbers that matter, as ratios of this run.
awk '
  function field(name,   text) { if (match($0, "\"" name "\":\"?[^,\"}]*")) { text = substr($0, RSTART, RLENGTH); sub(/.*:"?/, "", text); return text } }
  /"case"/ { us[field("peer") " " field("case")] = field("median_us") }
  END {
    copy = us["cuda gpu_copy_64m"]
    if (!copy) { print "\nNo ratios: the benchmarks left no numbers."; exit }
    printf "\n| of the copy bandwidth (%.2f TB/s) | %% |\n| --- | --- |\n", 536.870912 / copy
    printf "| copy by the library | %.0f |\n", 100 * copy / us["scoregrad gpu_copy_64m"]
    printf "| 12 ops compiled, wanted 85 | %.0f |\n", 100 * copy / us["scoregrad gpu_chain_64m"]
    printf "| 12 ops and their sum, wanted 80 (reads only: half the bytes) | %.0f |\n", 50 * copy / us["scoregrad gpu_chain_sum_64m"]
    printf "| softmax of rows compiled, wanted 60 | %.0f |\n", 100 * copy / us["scoregrad gpu_softmax_64k_1k"]
    printf "| layer norm of rows compiled, wanted 60 | %.0f |\n", 100 * copy / us["scoregrad gpu_layer_norm_64k_1k"]
    printf "\n| matrix product | us | cuBLAS called directly | ratio, wanted 1.03 |\n| --- | --- | --- | --- |\n"
    for (i = 1; i <= 4; ++i)
      for (j = 1; j <= 3; ++j) {
        name = "gpu_matmul_" (i == 1 ? 256 : i == 2 ? 1024 : i == 3 ? 4096 : 8192) "_" (j == 1 ? "float32" : j == 2 ? "tf32" : "float64")
        ours = us["scoregrad " name]; theirs = us["cuda " name]
        if (theirs) printf "| %s | %.4g | %.4g | %.3f |\n", name, ours, theirs, ours / theirs
      }
    one = us["scoregrad gpu_step_small_one_launch"]; many = us["scoregrad gpu_step_small_call_by_call"]
    if (one && many) printf "\nA small training step as one launch: %.1f us, call by call %.1f us, ratio %.2f.\n", one, many, one / many
    printf "\nOne eager op of 16 elements: %.2f us of the host, wanted 5.\n", us["scoregrad gpu_op_overhead"]
  }' "$output/bench.jsonl" | tee -a "$output/summary.md"
exit $failed
