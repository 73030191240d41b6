// The handles of cuBLAS and cuSOLVER, bound to the stream. One thread at a time uses them: hold the lock while you enqueue.
#pragma once
#include <cublas_v2.h>
#include <cusolverDn.h>

#include <mutex>

#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

class Libraries {
 public:
  Libraries();
  cublasHandle_t blas() const { return blas_; }
  /// Made when it is first asked for. Throws Error in a capture, where it may not even be told of the stream: cuSOLVER waits for the GPU.
  cusolverDnHandle_t solver() const;
  /// What cuSOLVER's generic calls want beside their handle.
  cusolverDnParams_t parameters() const;

 private:
  std::unique_lock<std::mutex> lock_;
  cublasHandle_t blas_;
};

void check(Where at, const char* op, cublasStatus_t status);
void check(Where at, const char* op, cusolverStatus_t status);

}  // namespace scoregrad::on_cuda
