#include "cuda/blas.h"

#include <fmt/format.h>

#include "cuda/graph.h"
#include "cuda/memory.h"

namespace scoregrad::on_cuda {

// Handles that cannot be made for want of memory are "not initialised" to some versions.
template <>
bool lacks_memory(cublasStatus_t status) {
  return status == CUBLAS_STATUS_ALLOC_FAILED || status == CUBLAS_STATUS_NOT_INITIALIZED;
}
template <>
bool lacks_memory(cusolverStatus_t status) {
  return status == CUSOLVER_STATUS_ALLOC_FAILED || status == CUSOLVER_STATUS_NOT_INITIALIZED;
}

namespace {

// A workspace of its own makes cuBLAS choose the same algorithm for the same shapes whatever ran before; 32 MiB is what it wants on Hopper.
constexpr size_t workspace_bytes = size_t{32} << 20;

struct Handles {
  cublasHandle_t blas = nullptr;
  cusolverDnHandle_t solver = nullptr;
  cusolverDnParams_t parameters = nullptr;
  void* workspace = nullptr;
  cudaStream_t bound = nullptr, solver_bound = nullptr;

  Handles() {
    const AllowedInCapture allowed;
    check({}, "cublasCreate", with_pool_emptied([&] { return cublasCreate(&blas); }));
    check({}, "cublasCreate", with_pool_emptied([&] { return cudaMalloc(&workspace, workspace_bytes); }));
    check({}, "cublasCreate", cublasSetAtomicsMode(blas, CUBLAS_ATOMICS_NOT_ALLOWED));
  }
  // cublasSetStream takes the workspace away, and without one a captured product would get memory that the graph does not hold. What is
  // captured may share it with the rest: all of it runs on one stream.
  void bind(cudaStream_t s) {
    if (s == bound) return;
    bound = nullptr;
    check({}, "cublasSetStream", cublasSetStream(blas, s));
    check({}, "cublasSetStream", cublasSetWorkspace(blas, workspace, workspace_bytes));
    bound = s;
  }
  void bind_solver(cudaStream_t s) {
    if (!solver) check({}, "cusolverDnCreate", with_pool_emptied([&] { return cusolverDnCreate(&solver); }));
    if (!parameters) check({}, "cusolverDnCreateParams", cusolverDnCreateParams(&parameters));
    if (s == solver_bound) return;
    check({}, "cusolverDnSetStream", cusolverDnSetStream(solver, s));
    solver_bound = s;
  }
};
Handles& handles() {
  static Handles* both = new Handles;  // never destroyed: at exit the driver may have gone before
  return *both;
}

std::mutex& mutex() {
  static std::mutex m;
  return m;
}

}  // namespace

Libraries::Libraries() : lock_(mutex()) {
  const cudaStream_t s = stream();
  handles().bind(s);
  blas_ = handles().blas;
}

cusolverDnHandle_t Libraries::solver() const {
  refuse_in_graph("cuSOLVER");
  handles().bind_solver(stream());
  return handles().solver;
}

cusolverDnParams_t Libraries::parameters() const { return handles().parameters; }

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
