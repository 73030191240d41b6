// The one way in which kernels of .cu files are started: no triple brackets, so that an ordinary C++ compiler reads these files too.
#pragma once
#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

template <class T>
struct Same {
  using type = T;
};

/// Starts kernel(args...) on the stream; arguments are converted to the kernel's parameter types. A grid without blocks is an error: the
/// caller returns before for empty tensors.
template <class... P>
void launch(const char* op, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, typename Same<P>::type... args) {
  void* pointers[] = {static_cast<void*>(&args)..., nullptr};
  const cudaStream_t s = stream();
  // The first launch of a kernel may load its code.
  after_launch(op, with_pool_emptied([&] { return cudaLaunchKernel(kernel, grid, block, pointers, shared, s); }));
}

/// How many blocks of `block` threads cover n elements, at most `most`: kernels loop over the rest with the grid's stride.
inline unsigned blocks_for(int64_t n, int64_t block, int64_t most = int64_t{1} << 20) {
  const int64_t blocks = (n + block - 1) / block;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

}  // namespace scoregrad::on_cuda
