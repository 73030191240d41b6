// cuSOLVER as far as this project uses it, by LAPACKE.
#pragma once
#include <cublas_v2.h>

enum cusolverStatus_t { CUSOLVER_STATUS_SUCCESS = 0, CUSOLVER_STATUS_INVALID_VALUE = 3 };
enum cusolverEigMode_t { CUSOLVER_EIG_MODE_NOVECTOR, CUSOLVER_EIG_MODE_VECTOR };
struct cusolverDnContext;
using cusolverDnHandle_t = cusolverDnContext*;

#pragma GCC visibility push(default)
extern "C" {
cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle);
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream);
#define SG_FUNCTIONS(T, letter)                                                                                                         \
  cusolverStatus_t cusolverDn##letter##potrf_bufferSize(cusolverDnHandle_t, cublasFillMode_t fill, int n, T* a, int lda, int* length);  \
  cusolverStatus_t cusolverDn##letter##potrf(cusolverDnHandle_t, cublasFillMode_t fill, int n, T* a, int lda, T* workspace, int length, \
                                             int* info);                                                                                \
  cusolverStatus_t cusolverDn##letter##potrfBatched(cusolverDnHandle_t, cublasFillMode_t fill, int n, T* a[], int lda, int* infos,      \
                                                    int batches);                                                                       \
  cusolverStatus_t cusolverDn##letter##getrf_bufferSize(cusolverDnHandle_t, int m, int n, T* a, int lda, int* length);                  \
  cusolverStatus_t cusolverDn##letter##getrf(cusolverDnHandle_t, int m, int n, T* a, int lda, T* workspace, int* pivots, int* info);    \
  cusolverStatus_t cusolverDn##letter##syevd_bufferSize(cusolverDnHandle_t, cusolverEigMode_t mode, cublasFillMode_t fill, int n,       \
                                                        const T* a, int lda, const T* values, int* length);                             \
  cusolverStatus_t cusolverDn##letter##syevd(cusolverDnHandle_t, cusolverEigMode_t mode, cublasFillMode_t fill, int n, T* a, int lda,   \
                                             T* values, T* workspace, int length, int* info);                                           \
  cusolverStatus_t cusolverDn##letter##getrs(cusolverDnHandle_t, cublasOperation_t on_a, int n, int m, const T* a, int lda,             \
                                             const int* pivots, T* b, int ldb, int* info);
SG_FUNCTIONS(float, S)
SG_FUNCTIONS(double, D)
#undef SG_FUNCTIONS
}
#pragma GCC visibility pop
