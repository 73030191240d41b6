// What the GPU does when CUDA is called without the library: the lines to compare bench_peers --device cuda with. direct_cublas --seconds
// S.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/cases/stopwatch.h"

namespace {

void check(cudaError_t status) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "direct_cublas: device cuda: %s\n", cudaGetErrorString(status));
  std::exit(2);
}
void check(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  std::fprintf(stderr, "direct_cublas: %s\n", cublasGetStatusString(status));
  std::exit(2);
}

/// Random numbers: a GPU multiplies zeros faster, because they cost less power.
template <class T>
void fill(void* to, size_t n) {
  std::mt19937 source(1);
  std::vector<T> some(size_t{1} << 16);
  for (T& x : some) x = static_cast<T>(source()) / T(4294967296.0) - T(0.5);
  for (size_t i = 0; i < n; i += some.size())
    check(cudaMemcpy(static_cast<T*>(to) + i, some.data(), std::min(some.size(), n - i) * sizeof(T), cudaMemcpyHostToDevice));
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  options.peer = "cuda", options.device = "cuda";
  CLI::App app("Times copies and matrix products by CUDA's own libraries; one JSON line a case.");
  app.add_option("--case", options.only, "prefix of the cases to run");
  app.add_option("--seconds", options.seconds, "budget of one case")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  cudaStream_t stream;
  cublasHandle_t blas;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  check(cublasCreate(&blas));
  check(cublasSetStream(blas, stream));
  options.wait = [&] { check(cudaStreamSynchronize(stream)); };

  const size_t bytes = size_t{256} << 20;
  char *from, *to;
  check(cudaMalloc(&from, bytes));
  check(cudaMalloc(&to, bytes));
  check(cudaMemset(from, 0, bytes));
  bench::time_case(
      options, "gpu_copy_64m", [&] { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream)); }, "cudaMemcpyAsync");
  check(cudaFree(from));
  check(cudaFree(to));

  const float one32 = 1, zero32 = 0;
  const double one64 = 1, zero64 = 0;
  for (const int n : {256, 1024, 4096, 8192})
    for (const std::string type : {"float32", "tf32", "float64"}) {
      const bool wide = type == "float64";
      void* m[3];
      for (void*& data : m) {
        check(cudaMalloc(&data, size_t{8} * n * n));
        (wide ? fill<double> : fill<float>)(data, static_cast<size_t>(n) * n);
      }
      const cudaDataType kind = wide ? CUDA_R_64F : CUDA_R_32F;
      const cublasComputeType_t compute = wide ? CUBLAS_COMPUTE_64F : type == "tf32" ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
      const void *one = wide ? static_cast<const void*>(&one64) : &one32, *zero = wide ? static_cast<const void*>(&zero64) : &zero32;
      bench::time_case(
          options, "gpu_matmul_" + std::to_string(n) + "_" + type,
          [&] {
            check(cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, one, m[0], kind, n, m[1], kind, n, zero, m[2], kind, n, compute,
                               CUBLAS_GEMM_DEFAULT));
          },
          "cublasGemmEx");
      for (void* data : m) check(cudaFree(data));
    }
}
