#include "cuda/blas.h"

#include <fmt/format.h>

#include "cuda/graph.h"

namespace scoregrad::on_cuda {

namespace {

// A workspace of its own makes cuBLAS choose the same algorithm for the same shapes whatever ran before; 32 MiB is what it wants on Hopper.
constexpr size_t workspace_bytes = size_t{32} << 20;

struct Handles {
  cublasHandle_t blas = nullptr;
  cusolverDnHandle_t solver = nullptr;
  void* workspace = nullptr;
  cudaStream_t bound = nullptr;

  Handles() {
    check({}, "cublasCreate", cublasCreate(&blas));
    check({}, "cublasCreate", cudaMalloc(&workspace, workspace_bytes));
    check({}, "cublasCreate", cublasSetAtomicsMode(blas, CUBLAS_ATOMICS_NOT_ALLOWED));
    check({}, "cusolverDnCreate", cusolverDnCreate(&solver));
  }
  // cublasSetStream takes the workspace away, and without one a captured product would get memory that the graph does not hold. What is
  // captured may share it with the rest: all of it runs on one stream.
  void bind(cudaStream_t s) {
    if (s == bound) return;
    bound = nullptr;
    check({}, "cublasSetStream", cublasSetStream(blas, s));
    check({}, "cublasSetStream", cublasSetWorkspace(blas, workspace, workspace_bytes));
    check({}, "cusolverDnSetStream", cusolverDnSetStream(solver, s));
    bound = s;
  }
};

std::mutex& mutex() {
  static std::mutex m;
  return m;
}

}  // namespace

Libraries::Libraries() : lock_(mutex()) {
  static Handles* handles = new Handles;  // never destroyed: at exit the driver may have gone before
  handles->bind(stream());
  blas_ = handles->blas;
  solver_ = handles->solver;
}

cusolverDnHandle_t Libraries::solver() const {
  refuse_in_graph("cuSOLVER");
  return solver_;
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
