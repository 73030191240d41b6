// cuBLAS and cuSOLVER by CBLAS and LAPACKE, enqueued like everything else. They refuse the leading extents that the real ones refuse.
#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cstring>

#include <cusolverDn.h>
#include "tests/cuda/emulated/device.h"

using namespace emulated;

struct cublasContext {
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
};
struct cusolverDnContext {
  cudaStream_t stream = nullptr;
};
struct cusolverDnParams {};

namespace {

/// cuSOLVER waits for the device where it likes.
template <class F>
void each(cusolverDnHandle_t handle, int batches, F one) {
  if (may_wait(handle->stream) != cudaSuccess) return;
  enqueue(handle->stream, [=] {
    for (int i = 0; i < batches; ++i) one(i);
  });
}

CBLAS_TRANSPOSE cblas(cublasOperation_t op) { return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans; }
CBLAS_UPLO cblas(cublasFillMode_t fill) { return fill == CUBLAS_FILL_MODE_UPPER ? CblasUpper : CblasLower; }
char letter(cublasFillMode_t fill) { return fill == CUBLAS_FILL_MODE_UPPER ? 'U' : 'L'; }

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b, int ldb,
          float beta, float* c, int ldc) {
  cblas_sgemm(CblasColMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, double alpha, const double* a, int lda, const double* b, int ldb,
          double beta, double* c, int ldc) {
  cblas_dgemm(CblasColMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/// `one` does the work of matrix i when its turn comes. In a capture a handle without a workspace would make the graph allocate one.
template <class F>
cublasStatus_t each(cublasHandle_t handle, int batches, F one) {
  if (captures(handle->stream) && !handle->workspace) return CUBLAS_STATUS_INVALID_VALUE;
  enqueue(handle->stream, [=] {
    for (int i = 0; i < batches; ++i) one(i);
  });
  return CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t gemm_batches(cublasHandle_t handle, cublasOperation_t on_a, cublasOperation_t on_b, int m, int n, int k, const void* alpha,
                            const void* a, int lda, long long stride_a, const void* b, int ldb, long long stride_b, const void* beta,
                            void* c, int ldc, long long stride_c, int batches) {
  const T one = *static_cast<const T*>(alpha), zero = *static_cast<const T*>(beta);
  return each(handle, batches, [=](int i) {
    gemm(cblas(on_a), cblas(on_b), m, n, k, one, static_cast<const T*>(a) + i * stride_a, lda, static_cast<const T*>(b) + i * stride_b, ldb,
         zero, static_cast<T*>(c) + i * stride_c, ldc);
  });
}

}  // namespace

extern "C" {

const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS         ? "CUBLAS_STATUS_SUCCESS"
         : status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE"
         : status == CUBLAS_STATUS_ALLOC_FAILED  ? "CUBLAS_STATUS_ALLOC_FAILED"
                                                 : "another cublasStatus";
}
cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  if (may_touch_device() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!take_overhead()) return CUBLAS_STATUS_ALLOC_FAILED;
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  *handle = {stream, nullptr};  // as its manual says: the workspace is the default one again
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, size_t bytes) {
  if (!on_device(workspace, bytes)) return CUBLAS_STATUS_INVALID_VALUE;
  handle->workspace = workspace;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t) { return CUBLAS_STATUS_SUCCESS; }
cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  if (may_touch_device() != cudaSuccess) return CUSOLVER_STATUS_NOT_INITIALIZED;
  if (!take_overhead()) return CUSOLVER_STATUS_ALLOC_FAILED;
  *handle = new cusolverDnContext;
  return CUSOLVER_STATUS_SUCCESS;
}
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream) {
  if (may_wait(stream) != cudaSuccess) return CUSOLVER_STATUS_INTERNAL_ERROR;
  handle->stream = stream;
  return CUSOLVER_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t on_a, cublasOperation_t on_b, int m, int n, int k,
                                          const void* alpha, const void* a, cudaDataType type_a, int lda, long long stride_a, const void* b,
                                          cudaDataType type_b, int ldb, long long stride_b, const void* beta, void* c, cudaDataType type_c,
                                          int ldc, long long stride_c, int batches, cublasComputeType_t compute, cublasGemmAlgo_t) {
  if (type_a != type_b || type_a != type_c || (type_a == CUDA_R_64F) != (compute == CUBLAS_COMPUTE_64F) || m < 0 || n < 0 || k < 0 ||
      batches < 0 || lda < std::max(1, on_a == CUBLAS_OP_N ? m : k) || ldb < std::max(1, on_b == CUBLAS_OP_N ? k : n) ||
      ldc < std::max(1, m))
    return CUBLAS_STATUS_INVALID_VALUE;
  const auto run = type_a == CUDA_R_64F ? gemm_batches<double> : gemm_batches<float>;
  return run(handle, on_a, on_b, m, n, k, alpha, a, lda, stride_a, b, ldb, stride_b, beta, c, ldc, stride_c, batches);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t on_a, cublasOperation_t on_b, int m, int n, int k, const void* alpha,
                            const void* a, cudaDataType type_a, int lda, const void* b, cudaDataType type_b, int ldb, const void* beta,
                            void* c, cudaDataType type_c, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t algorithm) {
  return cublasGemmStridedBatchedEx(handle, on_a, on_b, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1,
                                    compute, algorithm);
}

#define SG_FUNCTIONS(T, l, L)                                                                                                             \
  cublasStatus_t cublas##L##getrfBatched(cublasHandle_t handle, int n, T* const a[], int lda, int* pivots, int* infos, int batches) {     \
    if (lda < std::max(1, n)) return CUBLAS_STATUS_INVALID_VALUE;                                                                         \
    return each(handle, batches, [=](int i) {                                                                                             \
      infos[i] = LAPACKE_##l##getrf_work(LAPACK_COL_MAJOR, n, n, a[i], lda, pivots + static_cast<int64_t>(i) * n);                        \
    });                                                                                                                                   \
  }                                                                                                                                       \
  cublasStatus_t cublas##L##getrsBatched(cublasHandle_t handle, cublasOperation_t on_a, int n, int m, const T* const a[], int lda,        \
                                         const int* pivots, T* const b[], int ldb, int* info, int batches) {                              \
    *info = lda < std::max(1, n) ? -5 : ldb < std::max(1, n) ? -8 : 0; /* on the host, at once */                                         \
    if (*info != 0) return CUBLAS_STATUS_INVALID_VALUE;                                                                                   \
    return each(handle, batches, [=](int i) {                                                                                             \
      LAPACKE_##l##getrs_work(LAPACK_COL_MAJOR, on_a == CUBLAS_OP_N ? 'N' : 'T', n, m, a[i], lda, pivots + static_cast<int64_t>(i) * n,   \
                              b[i], ldb);                                                                                                 \
    });                                                                                                                                   \
  }                                                                                                                                       \
  cublasStatus_t cublas##L##trsmBatched(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t fill, cublasOperation_t on_a,      \
                                        cublasDiagType_t diagonal, int m, int n, const T* alpha, const T* const a[], int lda,             \
                                        T* const b[], int ldb, int batches) {                                                             \
    if (lda < std::max(1, side == CUBLAS_SIDE_LEFT ? m : n) || ldb < std::max(1, m)) return CUBLAS_STATUS_INVALID_VALUE;                  \
    return each(handle, batches, [=, factor = *alpha](int i) {                                                                            \
      cblas_##l##trsm(CblasColMajor, side == CUBLAS_SIDE_LEFT ? CblasLeft : CblasRight, cblas(fill), cblas(on_a),                         \
                      diagonal == CUBLAS_DIAG_UNIT ? CblasUnit : CblasNonUnit, m, n, factor, a[i], lda, b[i], ldb);                       \
    });                                                                                                                                   \
  }                                                                                                                                       \
  cublasStatus_t cublas##L##trsm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t fill, cublasOperation_t on_a,             \
                                 cublasDiagType_t diagonal, int m, int n, const T* alpha, const T* a, int lda, T* b, int ldb) {           \
    if (lda < std::max(1, side == CUBLAS_SIDE_LEFT ? m : n) || ldb < std::max(1, m)) return CUBLAS_STATUS_INVALID_VALUE;                  \
    return each(handle, 1, [=, factor = *alpha](int) {                                                                                    \
      cblas_##l##trsm(CblasColMajor, side == CUBLAS_SIDE_LEFT ? CblasLeft : CblasRight, cblas(fill), cblas(on_a),                         \
                      diagonal == CUBLAS_DIAG_UNIT ? CblasUnit : CblasNonUnit, m, n, factor, a, lda, b, ldb);                             \
    });                                                                                                                                   \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##potrf_bufferSize(cusolverDnHandle_t, cublasFillMode_t, int n, T*, int lda, int* length) {               \
    *length = n + 1;                                                                                                                      \
    return lda < std::max(1, n) ? CUSOLVER_STATUS_INVALID_VALUE : CUSOLVER_STATUS_SUCCESS;                                                \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##potrf(cusolverDnHandle_t handle, cublasFillMode_t fill, int n, T* a, int lda, T* workspace, int length, \
                                        int* info) {                                                                                      \
    if (lda < std::max(1, n) || !on_device(workspace, static_cast<size_t>(length) * sizeof(T)) || length < n + 1)                         \
      return CUSOLVER_STATUS_INVALID_VALUE;                                                                                               \
    each(handle, 1, [=](int) { *info = LAPACKE_##l##potrf_work(LAPACK_COL_MAJOR, letter(fill), n, a, lda); });                            \
    return CUSOLVER_STATUS_SUCCESS;                                                                                                       \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##potrfBatched(cusolverDnHandle_t handle, cublasFillMode_t fill, int n, T* a[], int lda, int* infos,      \
                                               int batches) {                                                                             \
    if (lda < std::max(1, n)) return CUSOLVER_STATUS_INVALID_VALUE;                                                                       \
    each(handle, batches, [=](int i) { infos[i] = LAPACKE_##l##potrf_work(LAPACK_COL_MAJOR, letter(fill), n, a[i], lda); });              \
    return CUSOLVER_STATUS_SUCCESS;                                                                                                       \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##getrf_bufferSize(cusolverDnHandle_t, int m, int n, T*, int lda, int* length) {                          \
    *length = n + 1;                                                                                                                      \
    return lda < std::max(1, m) ? CUSOLVER_STATUS_INVALID_VALUE : CUSOLVER_STATUS_SUCCESS;                                                \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##getrf(cusolverDnHandle_t handle, int m, int n, T* a, int lda, T* workspace, int* pivots, int* info) {   \
    if (lda < std::max(1, m) || !on_device(workspace, sizeof(T))) return CUSOLVER_STATUS_INVALID_VALUE;                                   \
    each(handle, 1, [=](int) { *info = LAPACKE_##l##getrf_work(LAPACK_COL_MAJOR, m, n, a, lda, pivots); });                               \
    return CUSOLVER_STATUS_SUCCESS;                                                                                                       \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##syevd_bufferSize(cusolverDnHandle_t, cusolverEigMode_t, cublasFillMode_t, int n, const T*, int lda,     \
                                                   const T*, int* length) {                                                               \
    *length = n + 1;                                                                                                                      \
    return lda < std::max(1, n) ? CUSOLVER_STATUS_INVALID_VALUE : CUSOLVER_STATUS_SUCCESS;                                                \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##syevd(cusolverDnHandle_t handle, cusolverEigMode_t mode, cublasFillMode_t fill, int n, T* a, int lda,   \
                                        T* values, T* workspace, int length, int* info) {                                                 \
    if (lda < std::max(1, n) || !on_device(workspace, static_cast<size_t>(length) * sizeof(T)) || length < n + 1)                         \
      return CUSOLVER_STATUS_INVALID_VALUE;                                                                                               \
    each(handle, 1, [=](int) {                                                                                                            \
      *info = LAPACKE_##l##syevd(LAPACK_COL_MAJOR, mode == CUSOLVER_EIG_MODE_VECTOR ? 'V' : 'N', letter(fill), n, a, lda, values);        \
    });                                                                                                                                   \
    return CUSOLVER_STATUS_SUCCESS;                                                                                                       \
  }                                                                                                                                       \
  cusolverStatus_t cusolverDn##L##getrs(cusolverDnHandle_t handle, cublasOperation_t on_a, int n, int m, const T* a, int lda,             \
                                        const int* pivots, T* b, int ldb, int* info) {                                                    \
    if (lda < std::max(1, n) || ldb < std::max(1, n)) return CUSOLVER_STATUS_INVALID_VALUE;                                               \
    each(handle, 1,                                                                                                                       \
         [=](int) { *info = LAPACKE_##l##getrs_work(LAPACK_COL_MAJOR, on_a == CUBLAS_OP_N ? 'N' : 'T', n, m, a, lda, pivots, b, ldb); }); \
    return CUSOLVER_STATUS_SUCCESS;                                                                                                       \
  }
SG_FUNCTIONS(float, s, S)
SG_FUNCTIONS(double, d, D)

cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t* parameters) {
  *parameters = new cusolverDnParams;
  return CUSOLVER_STATUS_SUCCESS;
}
cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t, cusolverDnParams_t parameters, cusolverEigMode_t, cublasFillMode_t,
                                                   int64_t n, cudaDataType type_a, const void*, int64_t lda, cudaDataType type_values,
                                                   const void*, cudaDataType compute, size_t* on_device, size_t* on_host, int64_t batches) {
  *on_device = static_cast<size_t>(n * batches) + 1;
  *on_host = static_cast<size_t>(n) + 3;
  const bool good = parameters && lda >= std::max<int64_t>(1, n) && type_a == type_values && type_a == compute;
  return good ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_INVALID_VALUE;
}
// The host's workspace is written when the work is done.
cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t handle, cusolverDnParams_t parameters, cusolverEigMode_t mode,
                                        cublasFillMode_t fill, int64_t n, cudaDataType type_a, void* a, int64_t lda,
                                        cudaDataType type_values, void* values, cudaDataType compute, void* on_device,
                                        size_t bytes_on_device, void* on_host, size_t bytes_on_host, int* infos, int64_t batches) {
  size_t there = 0, here = 0;
  const cusolverStatus_t status = cusolverDnXsyevBatched_bufferSize(handle, parameters, mode, fill, n, type_a, a, lda, type_values, values,
                                                                    compute, &there, &here, batches);
  if (status != CUSOLVER_STATUS_SUCCESS || bytes_on_device < there || bytes_on_host < here || !emulated::on_device(on_device, there))
    return CUSOLVER_STATUS_INVALID_VALUE;
  const char job = mode == CUSOLVER_EIG_MODE_VECTOR ? 'V' : 'N', triangle = letter(fill);
  const int order = static_cast<int>(n), leading = static_cast<int>(lda);
  each(handle, static_cast<int>(batches), [=](int i) {
    std::memset(on_host, i, here);
    infos[i] = type_a == CUDA_R_64F ? LAPACKE_dsyevd(LAPACK_COL_MAJOR, job, triangle, order, static_cast<double*>(a) + i * lda * n, leading,
                                                     static_cast<double*>(values) + i * n)
                                    : LAPACKE_ssyevd(LAPACK_COL_MAJOR, job, triangle, order, static_cast<float*>(a) + i * lda * n, leading,
                                                     static_cast<float*>(values) + i * n);
  });
  return CUSOLVER_STATUS_SUCCESS;
}

}  // extern "C"
