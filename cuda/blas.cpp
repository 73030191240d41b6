#include "cuda/blas.h"

#include <fmt/format.h>

namespace scoregrad::on_cuda {

namespace {

// A workspace of its own makes cuBLAS choose the same algorithm for the same shapes whatever ran before; 32 MiB is what it wants on Hopper.
constexpr size_t workspace_bytes = size_t{32} << 20;

struct Handles {
  cublasHandle_t blas = nullptr;
  cusolverDnHandle_t solver = nullptr;

  Handles() {
    const cudaStream_t s = stream();
    void* workspace = nullptr;
    check({}, "cublasCreate", cublasCreate(&blas));
    check({}, "cublasCreate", cudaMalloc(&workspace, workspace_bytes));
    check({}, "cublasCreate", cublasSetStream(blas, s));
    check({}, "cublasCreate", cublasSetWorkspace(blas, workspace, workspace_bytes));
    check({}, "cublasCreate", cublasSetAtomicsMode(blas, CUBLAS_ATOMICS_NOT_ALLOWED));
    check({}, "cusolverDnCreate", cusolverDnCreate(&solver));
    check({}, "cusolverDnCreate", cusolverDnSetStream(solver, s));
  }
};

std::mutex& mutex() {
  static std::mutex m;
  return m;
}

}  // namespace

Libraries::Libraries() : lock_(mutex()) {
  static const Handles* handles = new Handles;  // never destroyed: at exit the driver may have gone before
  blas_ = handles->blas;
  solver_ = handles->solver;
}

void check(Where at, const char* op, cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(at, op, fmt::format("cuBLAS says: {} ({})", cublasGetStatusString(status), static_cast<int>(status)));
  if (synchronous()) check(at, op, cudaStreamSynchronize(stream()));
}

void check(Where at, const char* op, cusolverStatus_t status) {
  if (status != CUSOLVER_STATUS_SUCCESS) fail(at, op, fmt::format("cuSOLVER says: status {}", static_cast<int>(status)));
  if (synchronous()) check(at, op, cudaStreamSynchronize(stream()));
}

}  // namespace scoregrad::on_cuda
