// cuBLAS as far as this project uses it, by CBLAS and LAPACKE.
#pragma once
#include <cuda_runtime.h>

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
};
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C };
enum cublasFillMode_t { CUBLAS_FILL_MODE_LOWER, CUBLAS_FILL_MODE_UPPER };
enum cublasSideMode_t { CUBLAS_SIDE_LEFT, CUBLAS_SIDE_RIGHT };
enum cublasDiagType_t { CUBLAS_DIAG_NON_UNIT, CUBLAS_DIAG_UNIT };
enum cublasAtomicsMode_t { CUBLAS_ATOMICS_NOT_ALLOWED, CUBLAS_ATOMICS_ALLOWED };
enum cublasComputeType_t {
  CUBLAS_COMPUTE_32F = 68,
  CUBLAS_COMPUTE_32F_FAST_16BF = 75,
  CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
  CUBLAS_COMPUTE_64F = 70,
};
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT = -1 };
struct cublasContext;
using cublasHandle_t = cublasContext*;

#pragma GCC visibility push(default)
extern "C" {
const char* cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, size_t bytes);
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t on_a, cublasOperation_t on_b, int m, int n, int k, const void* alpha,
                            const void* a, cudaDataType type_a, int lda, const void* b, cudaDataType type_b, int ldb, const void* beta,
                            void* c, cudaDataType type_c, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t algorithm);
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t on_a, cublasOperation_t on_b, int m, int n, int k,
                                          const void* alpha, const void* a, cudaDataType type_a, int lda, long long stride_a, const void* b,
                                          cudaDataType type_b, int ldb, long long stride_b, const void* beta, void* c, cudaDataType type_c,
                                          int ldc, long long stride_c, int batches, cublasComputeType_t compute,
                                          cublasGemmAlgo_t algorithm);
#define SG_FUNCTIONS(T, letter)                                                                                                     \
  cublasStatus_t cublas##letter##getrfBatched(cublasHandle_t, int n, T* const a[], int lda, int* pivots, int* infos, int batches);  \
  cublasStatus_t cublas##letter##getrsBatched(cublasHandle_t, cublasOperation_t on_a, int n, int m, const T* const a[], int lda,    \
                                              const int* pivots, T* const b[], int ldb, int* info, int batches);                    \
  cublasStatus_t cublas##letter##trsm(cublasHandle_t, cublasSideMode_t side, cublasFillMode_t fill, cublasOperation_t on_a,         \
                                      cublasDiagType_t diagonal, int m, int n, const T* alpha, const T* a, int lda, T* b, int ldb); \
  cublasStatus_t cublas##letter##trsmBatched(cublasHandle_t, cublasSideMode_t side, cublasFillMode_t fill, cublasOperation_t on_a,  \
                                             cublasDiagType_t diagonal, int m, int n, const T* alpha, const T* const a[], int lda,  \
                                             T* const b[], int ldb, int batches);
SG_FUNCTIONS(float, S)
SG_FUNCTIONS(double, D)
#undef SG_FUNCTIONS
}
#pragma GCC visibility pop
