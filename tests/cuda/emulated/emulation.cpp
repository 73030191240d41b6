// The emulated device's own tests: kernels that are right give their numbers in every order of threads, kernels that are wrong are found.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include <cublas_v2.h>
#include <cuda.h>
#include <cuda_runtime.h>
#include <cusolverDn.h>
#include <nvrtc.h>
#include "tests/catch.h"

namespace {

/// A kernel's own process, because what breaks a device breaks it for good: exit status of f, or the signal that ended it.
template <class F>
int in_a_child(const char* order, F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("SCOREGRAD_EMULATED_ORDER", order, 1);
    setenv("SCOREGRAD_EMULATED_PROTECT", "1", 1);
    for (int s : {SIGSEGV, SIGABRT}) std::signal(s, SIG_DFL);
    if (!std::freopen("/dev/null", "w", stderr)) _exit(99);
    _exit(f());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

template <class... P, class... A>
void start(void (*kernel)(P...), unsigned blocks, unsigned threads, A... args) {
  void* at[] = {&args..., nullptr};
  if (cudaLaunchKernel(kernel, blocks, threads, at, 0, nullptr) != cudaSuccess) _exit(98);
}

template <class T>
T* device_array(size_t n) {
  T* data = nullptr;
  if (cudaMalloc(&data, n * sizeof(T)) != cudaSuccess) _exit(97);
  return data;
}
void cudaMemset(void* data, int value, size_t bytes) { cudaMemsetAsync(data, value, bytes, nullptr); }
template <class T>
std::vector<T> fetched(const T* data, size_t n) {
  std::vector<T> out(n);
  if (cudaMemcpy(out.data(), data, n * sizeof(T), cudaMemcpyDeviceToHost) != cudaSuccess) _exit(96);
  return out;
}

// Reverses 64 numbers a block by way of shared memory.
__global__ void reverse(int* out, bool with_barrier) {
  __shared__ int line[64];
  line[threadIdx.x] = static_cast<int>(100 * blockIdx.x + threadIdx.x);
  if (with_barrier) __syncthreads();
  out[64 * blockIdx.x + threadIdx.x] = line[63 - threadIdx.x];
}

__global__ void sums_of_warps(int* out, int width) {
  int sum = static_cast<int>(threadIdx.x);
  for (int d = width / 2; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffffu, sum, d, width);
  if (static_cast<int>(threadIdx.x) % width == 0) out[static_cast<int>(threadIdx.x) / width] = sum;
}

__global__ void votes(unsigned* out) {
  const unsigned odd = __ballot_sync(0xffffffffu, threadIdx.x % 2);
  const bool some = __any_sync(0xffffffffu, threadIdx.x == 3), all = __all_sync(0xffffffffu, threadIdx.x < 32);
  const int many = __syncthreads_count(threadIdx.x < 5);
  if (threadIdx.x == 0) out[0] = odd, out[1] = some, out[2] = all, out[3] = static_cast<unsigned>(many);
  if (threadIdx.x == 32) out[4] = some, out[5] = all;
}

__global__ void half_a_barrier(int* out) {
  if (threadIdx.x < 32) __syncthreads();
  *out = 1;
}
__global__ void two_barriers(int* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  *out = 1;
}
__global__ void lonely_shuffle(int* out) {
  if (threadIdx.x < 16) *out = __shfl_xor_sync(0xffffffffu, 1, 1);
}
__global__ void write_at(float* out, int i) { out[i] = 1; }
__global__ void read_unwritten_shared(float* out) {
  __shared__ float x[2];
  if (threadIdx.x == 0) x[0] = 1;
  __syncthreads();
  out[threadIdx.x] = x[threadIdx.x];
}
__global__ void load_four(const float* in, float* out) {
  const float4 v = *reinterpret_cast<const float4*>(in);
  *out = v.x + v.w;
}

int reversal(bool with_barrier) {
  int* out = device_array<int>(128);
  start(reverse, 2, 64, out, with_barrier);
  const std::vector<int> got = fetched(out, 128);
  for (int i = 0; i < 128; ++i)
    if (got[static_cast<size_t>(i)] != i / 64 * 100 + 63 - i % 64) return 1;
  return 0;
}

}  // namespace

TEST_CASE("a missing barrier shows in some order of threads, a kernel that has it is right in all") {
  for (const char* order : {"0", "1", "2", "3"}) {
    CHECK(in_a_child(order, [] { return reversal(true); }) == 0);
    CHECK(in_a_child(order, [] { return reversal(false); }) == 1);
  }
}

TEST_CASE("shuffles and votes reach their lanes") {
  for (const char* order : {"0", "1", "5"}) {
    CHECK(in_a_child(order, [] {
            int* out = device_array<int>(8);
            start(sums_of_warps, 1, 64, out, 32);
            if (fetched(out, 2) != std::vector<int>{496, 1520}) return 1;
            start(sums_of_warps, 1, 64, out, 8);
            return fetched(out, 3) == std::vector<int>{28, 92, 156} ? 0 : 2;
          }) == 0);
    CHECK(in_a_child(order, [] {
            unsigned* out = device_array<unsigned>(6);
            start(votes, 1, 64, out);
            return fetched(out, 6) == std::vector<unsigned>{0xaaaaaaaau, 1, 1, 5, 0, 0} ? 0 : 1;
          }) == 0);
  }
}

TEST_CASE("a barrier that not all threads reach is an error that stays") {
  for (auto kernel : {half_a_barrier, two_barriers, lonely_shuffle})
    CHECK(in_a_child("0", [&] {
            int* out = device_array<int>(1);
            start(kernel, 1, 64, out);
            if (cudaDeviceSynchronize() != cudaErrorLaunchFailure) return 1;
            void* more = nullptr;
            return cudaMalloc(&more, 1) == cudaErrorLaunchFailure ? 0 : 2;
          }) == 0);
}

TEST_CASE("memory: bounds, alignment, what was never written, and the host's hands off") {
  CHECK(in_a_child("0", [] {
          float* x = device_array<float>(3);
          start(write_at, 1, 1, x, 2);
          cudaDeviceSynchronize();
          if (cudaFree(x) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess) return 1;
          x = device_array<float>(3);
          start(write_at, 1, 1, x, 3);
          cudaFree(x);
          return cudaDeviceSynchronize() == cudaErrorIllegalAddress ? 0 : 2;
        }) == 0);
  CHECK(in_a_child("0", [] {
          float* x = device_array<float>(9);
          start(load_four, 1, 1, static_cast<const float*>(x + 1), x + 8);
          return static_cast<int>(cudaDeviceSynchronize());
        }) == SIGABRT);
  CHECK(in_a_child("0", [] {
          const std::vector<float> got = fetched(device_array<float>(1), 1);
          return got[0] != got[0] ? 0 : 1;
        }) == 0);
  CHECK(in_a_child("0", [] {
          float* out = device_array<float>(2);
          start(read_unwritten_shared, 1, 2, out);
          const std::vector<float> got = fetched(out, 2);
          return got[0] == 1 && got[1] != got[1] ? 0 : 1;
        }) == 0);
  CHECK(in_a_child("0", [] { return static_cast<int>(*device_array<unsigned char>(1)); }) == SIGSEGV);
}

TEST_CASE("copies from pinned memory happen late, as on a device") {
  CHECK(in_a_child("0", [] {
          int *pinned = nullptr, *x = device_array<int>(1);
          cudaHostAlloc(reinterpret_cast<void**>(&pinned), sizeof(int), cudaHostAllocDefault);
          cudaEvent_t done;
          cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
          *pinned = 1;
          cudaMemcpyAsync(x, pinned, sizeof(int), cudaMemcpyHostToDevice, nullptr);
          cudaEventRecord(done, nullptr);
          cudaEventSynchronize(done);
          *pinned = 2;
          if (fetched(x, 1)[0] != 1) return 1;
          cudaMemcpyAsync(x, pinned, sizeof(int), cudaMemcpyHostToDevice, nullptr);
          *pinned = 3;  // too early
          return fetched(x, 1)[0] == 3 ? 0 : 2;
        }) == 0);
}

TEST_CASE("a capture runs nothing, and its graph runs with the arguments of then") {
  CHECK(in_a_child("0", [] {
          cudaStream_t stream;
          cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
          float* x = device_array<float>(2);
          cudaMemset(x, 0, 2 * sizeof(float));
          cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
          int i = 1;
          void* at[] = {&x, &i, nullptr};
          if (cudaLaunchKernel(write_at, 1, 1, at, 0, stream) != cudaSuccess) return 1;
          i = 0;
          cudaGraph_t graph;
          cudaGraphExec_t executable;
          size_t nodes = 0;
          if (cudaStreamEndCapture(stream, &graph) != cudaSuccess || fetched(x, 2) != std::vector<float>{0, 0}) return 2;
          cudaGraphGetNodes(graph, nullptr, &nodes);
          if (nodes != 1 || cudaGraphInstantiateWithFlags(&executable, graph, 0) != cudaSuccess) return 3;
          cudaGraphDestroy(graph);
          for (int launch = 0; launch < 2; ++launch) {
            cudaMemset(x, 0, 2 * sizeof(float));
            cudaGraphLaunch(executable, stream);
            if (fetched(x, 2) != std::vector<float>{0, 1}) return 4;
          }
          cudaGraphLaunch(executable, stream);
          cudaGraphExecDestroy(executable);  // while it is still to run
          return cudaDeviceSynchronize() == cudaErrorIllegalAddress ? 0 : 5;
        }) == 0);
}

TEST_CASE("what a capture does not bear ends it: waiting, allocating, loading, products without a workspace") {
  const auto ended = [](auto&& f) {
    return in_a_child("0", [&] {
      cudaStream_t stream;
      cublasHandle_t blas;
      cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
      cublasCreate(&blas);
      cublasSetStream(blas, stream);
      float* x = device_array<float>(8);
      cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
      const bool refused = f(stream, blas, x);
      cudaGraph_t graph;
      const cudaError_t status = cudaStreamEndCapture(stream, &graph);
      void* more = nullptr;
      if (cudaMalloc(&more, 8) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess) return 1;
      return refused ? 10 + (status != cudaSuccess) : status == cudaSuccess && graph ? 0 : 2;
    });
  };
  void* more = nullptr;
  float host = 0;
  CHECK(ended([](cudaStream_t s, auto, auto) { return cudaStreamSynchronize(s) != cudaSuccess; }) == 11);
  CHECK(ended([&](auto, auto, auto) { return cudaMalloc(&more, 8) != cudaSuccess; }) == 11);
  CHECK(ended([&](auto, auto, float* x) { return cudaFree(x) != cudaSuccess; }) == 11);
  CHECK(ended([&](cudaStream_t s, auto, float* x) { return cudaMemcpyAsync(&host, x, 4, cudaMemcpyDeviceToHost, s) != cudaSuccess; }) ==
        11);
  CHECK(ended([&](auto, auto, auto) {
          cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
          cudaThreadExchangeStreamCaptureMode(&mode);
          const bool refused = cudaMalloc(&more, 8) != cudaSuccess;
          cudaThreadExchangeStreamCaptureMode(&mode);
          return refused;
        }) == 0);
  CHECK(ended([&](auto, auto, auto) {
          bool refused = true;
          std::thread([&] { refused = cudaMalloc(&more, 8) != cudaSuccess; }).join();
          return refused;
        }) == 0);
  cusolverDnHandle_t solver = nullptr;
  CHECK(ended([&](auto, auto, auto) { return cusolverDnCreate(&solver) != CUSOLVER_STATUS_SUCCESS; }) == 11);
  REQUIRE(cusolverDnCreate(&solver) == CUSOLVER_STATUS_SUCCESS);
  CHECK(ended([&](cudaStream_t s, auto, auto) { return cusolverDnSetStream(solver, s) != CUSOLVER_STATUS_SUCCESS; }) == 11);
  const float one = 1;
  const auto product = [&](cublasHandle_t blas, float* x) {
    return cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, x, CUDA_R_32F, 1, x, CUDA_R_32F, 1, &one, x, CUDA_R_32F, 1,
                        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT) != CUBLAS_STATUS_SUCCESS;
  };
  CHECK(ended([&](auto, cublasHandle_t blas, float* x) { return product(blas, x); }) == 10);
  CHECK(ended([&](auto, cublasHandle_t blas, float* x) {
          return cublasSetWorkspace(blas, x, 8) != CUBLAS_STATUS_SUCCESS || product(blas, x);
        }) == 0);
}

TEST_CASE("text is compiled, loaded from bytes and run; text that is wrong says why") {
  CHECK(
      in_a_child("0", [] {
        const char* text =
            "#include \"three.h\"\nnamespace some::where {\nextern \"C\" __global__ void __launch_bounds__(64) fill(float* out, int n) {\n"
            "  if (threadIdx.x < n) out[threadIdx.x] = three() * fmaf(2, threadIdx.x, 1);\n}\n}";
        const char *header = "__device__ inline float three() { return 3; }", *name = "three.h", *option = "--fmad=false";
        nvrtcProgram program;
        nvrtcCreateProgram(&program, text, "fill.cu", 1, &header, &name);
        if (nvrtcCompileProgram(program, 1, &option) != NVRTC_SUCCESS) return 1;
        size_t size = 0;
        nvrtcGetCUBINSize(program, &size);
        std::vector<char> code(size);
        nvrtcGetCUBIN(program, code.data());
        nvrtcDestroyProgram(&program);
        CUmodule module;
        CUfunction function;
        if (cuModuleLoadData(&module, code.data()) != CUDA_SUCCESS || cuModuleGetFunction(&function, module, "fill") != CUDA_SUCCESS)
          return 2;
        if (cuModuleGetFunction(&function, module, "absent") != CUDA_ERROR_NOT_FOUND) return 3;
        float* out = device_array<float>(3);
        int n = 3;
        void* arguments[] = {&out, &n};
        if (cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, arguments, nullptr) != CUDA_SUCCESS) return 4;
        if (fetched(out, 3) != std::vector<float>{3, 9, 15}) return 5;
        nvrtcCreateProgram(&program, "#include <vector>\n", "no.cu", 0, nullptr, nullptr);
        if (nvrtcCompileProgram(program, 0, nullptr) != NVRTC_ERROR_COMPILATION) return 6;
        nvrtcGetProgramLogSize(program, &size);
        return size > 1 ? 0 : 7;
      }) == 0);
}
