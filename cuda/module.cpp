#include "cuda/module.h"

#include <fmt/format.h>

#include "cuda/memory.h"

namespace scoregrad::on_cuda {

template <>
bool lacks_memory(CUresult status) {
  return status == CUDA_ERROR_OUT_OF_MEMORY;
}

namespace {

/// A function of the driver by its name, of the interface of CUDA 11.8 or the toolkit's own.
template <class F>
F driver_function(const char* name) {
  void* address = nullptr;
#if CUDART_VERSION >= 12050
  const cudaError_t status = cudaGetDriverEntryPointByVersion(name, &address, 11080, cudaEnableDefault);
#else
  const cudaError_t status = cudaGetDriverEntryPoint(name, &address, cudaEnableDefault);
#endif
  check({}, name, status);
  if (!address) fail({}, name, std::string("the driver has no such function"));
  return reinterpret_cast<F>(address);
}

struct Driver {
  decltype(&cuModuleLoadData) load_data = driver_function<decltype(&cuModuleLoadData)>("cuModuleLoadData");
  decltype(&cuModuleGetFunction) get_function = driver_function<decltype(&cuModuleGetFunction)>("cuModuleGetFunction");
  decltype(&cuLaunchKernel) launch_kernel = driver_function<decltype(&cuLaunchKernel)>("cuLaunchKernel");
  decltype(&cuGetErrorString) error_string = driver_function<decltype(&cuGetErrorString)>("cuGetErrorString");
};
const Driver& driver() {
  static const Driver functions;
  return functions;
}

void check_driver(Where at, const char* op, CUresult status) {
  if (status == CUDA_SUCCESS) return;
  const char* text = nullptr;
  driver().error_string(status, &text);
  fail(at, op, fmt::format("the driver says: {} ({})", text ? text : "an unknown error", static_cast<int>(status)));
}

}  // namespace

CUfunction load_function(Where at, const char* op, const void* image, const char* name) {
  stream();  // makes the context current
  CUmodule code = nullptr;
  CUfunction function = nullptr;
  const AllowedInCapture allowed;
  check_driver(at, op, with_pool_emptied([&] { return driver().load_data(&code, image); }));
  check_driver(at, op, driver().get_function(&function, code, name));
  return function;
}

void launch(const char* op, CUfunction function, dim3 grid, dim3 block, size_t shared, void** args) {
  const cudaStream_t s = stream();
  check_driver({}, op, with_pool_emptied([&] {
                 return driver().launch_kernel(function, grid.x, grid.y, grid.z, block.x, block.y, block.z, static_cast<unsigned>(shared),
                                               s, args, nullptr);
               }));
  after_launch(op, cudaSuccess);
}

}  // namespace scoregrad::on_cuda
