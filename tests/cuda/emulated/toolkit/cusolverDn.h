// cuSOLVER as far as this project uses it, by LAPACKE.
#pragma once
#include <cublas_v2.h>

enum cusolverStatus_t {
  CUSOLVER_STATUS_SUCCESS = 0,
  CUSOLVER_STATUS_NOT_INITIALIZED = 1,
  CUSOLVER_STATUS_ALLOC_FAILED = 2,
  CUSOLVER_STATUS_INVALID_VALUE = 3,
  CUSOLVER_STATUS_INTERNAL_ERROR = 7,
};
enum cusolverEigMode_t { CUSOLVER_EIG_MODE_NOVECTOR, CUSOLVER_EIG_MODE_VECTOR };
struct cusolverDnContext;
struct cusolverDnParams;
using cusolverDnHandle_t = cusolverDnContext*;
using cusolverDnParams_t = cusolverDnParams*;
#define CUSOLVER_VERSION 11703  // of CUDA 12.8

#pragma GCC visibility push(default)
extern "C" {
cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle);
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream);
cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t* parameters);
cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t, cusolverDnParams_t, cusolverEigMode_t, cublasFillMode_t, int64_t n,
                                                   cudaDataType type_a, const void* a, int64_t lda, cudaDataType type_values,
                                                   const void* values, cudaDataType compute, size_t* on_device, size_t* on_host,
                                                   int64_t batches);
cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t, cusolverDnParams_t, cusolverEigMode_t, cublasFillMode_t, int64_t n,
                                        cudaDataType type_a, void* a, int64_t lda, cudaDataType type_values, void* values,
                                        cudaDataType compute, void* on_device, size_t bytes_on_device, void* on_host, size_t bytes_on_host,
                                        int* infos, int64_t batches);
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
