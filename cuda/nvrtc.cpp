#include "cuda/nvrtc.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <nvrtc.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "autograd/backend/error.h"
#include "cuda/cache.h"
#include "cuda/device_text.h"

namespace scoregrad::on_cuda {
namespace {

// What the shared headers use of the standard library, which NVRTC comes without. A compiler that has a standard library takes its own.
constexpr DeviceText standard_headers[] = {
    {"cstdint", R"(#pragma once
#ifdef __CUDACC_RTC__
using int32_t = int;
using uint32_t = unsigned;
using int64_t = long;
using uint64_t = unsigned long;
using uint8_t = unsigned char;
#else
#include_next <cstdint>
#endif
)"},
    {"type_traits", R"(#pragma once
#ifdef __CUDACC_RTC__
namespace std {
template <bool, class A, class>
struct conditional {
  using type = A;
};
template <class A, class B>
struct conditional<false, A, B> {
  using type = B;
};
template <bool b, class A, class B>
using conditional_t = typename conditional<b, A, B>::type;
template <class, class>
constexpr bool is_same_v = false;
template <class A>
constexpr bool is_same_v<A, A> = true;
}  // namespace std
#else
#include_next <type_traits>
#endif
)"},
    {"cmath", "#pragma once\n#ifndef __CUDACC_RTC__\n#include_next <cmath>\n#endif\n"},
    {"limits", "#pragma once\n#ifndef __CUDACC_RTC__\n#include_next <limits>\n#endif\n"},
};

// Contraction off: a multiply-add is fused where the text says fma, in every program alike.
constexpr const char* options[] = {"--std=c++17", "--fmad=false", "--device-as-default-execution-space"};

void check(nvrtcResult status, Where at, const char* op) {
  if (status != NVRTC_SUCCESS) throw Error(at, fmt::format("{}: NVRTC says: {}", op, nvrtcGetErrorString(status)));
}

// NVRTC opens the library of its built-in declarations by bare name, which the loader knows only where somebody told it of the toolkit.
// Loaded from NVRTC's own folder before, it is there under that name.
void load_builtins() {
  Dl_info nvrtc;
  int major = 0, minor = 0;
  std::error_code failed;
  check(nvrtcVersion(&major, &minor), {}, "cuda");
  if (!dladdr(reinterpret_cast<void*>(&nvrtcVersion), &nvrtc) || !nvrtc.dli_fname) return;
  const std::filesystem::path file = std::filesystem::canonical(nvrtc.dli_fname, failed);
  if (!failed) dlopen((file.parent_path() / fmt::format("libnvrtc-builtins.so.{}.{}", major, minor)).c_str(), RTLD_NOW | RTLD_LOCAL);
}

const std::vector<int>& architectures() {
  static const std::vector<int> known = [] {
    load_builtins();
    int count = 0;
    check(nvrtcGetNumSupportedArchs(&count), {}, "cuda");
    std::vector<int> list(static_cast<size_t>(count));
    check(nvrtcGetSupportedArchs(list.data()), {}, "cuda");
    return list;
  }();
  return known;
}

// Destroys the program whatever happens.
struct Job {
  nvrtcProgram program = nullptr;
  ~Job() {
    if (program) nvrtcDestroyProgram(&program);
  }
};

std::string run(Where at, const char* op, const std::string& text, const std::string& target, bool machine_code) {
  std::vector<const char*> names, texts, arguments(std::begin(options), std::end(options));
  const auto add = [&](const DeviceText& t) {
    names.push_back(t.path);
    texts.push_back(t.text);
  };
  std::for_each(std::begin(standard_headers), std::end(standard_headers), add);
  std::for_each(device_texts, device_texts + device_text_count, add);
  arguments.push_back(target.c_str());

  Job job;
  check(nvrtcCreateProgram(&job.program, text.c_str(), "generated.cu", static_cast<int>(names.size()), texts.data(), names.data()), at, op);
  if (nvrtcCompileProgram(job.program, static_cast<int>(arguments.size()), arguments.data()) != NVRTC_SUCCESS) {
    size_t size = 0;
    check(nvrtcGetProgramLogSize(job.program, &size), at, op);
    std::string log(size, '\0');
    check(nvrtcGetProgramLog(job.program, log.data()), at, op);
    throw Error(at, fmt::format("{}: a generated kernel does not compile ({}):\n{}\n{}", op, target, log.c_str(), text));
  }
  size_t size = 0;
  check(machine_code ? nvrtcGetCUBINSize(job.program, &size) : nvrtcGetPTXSize(job.program, &size), at, op);
  std::string code(size, '\0');
  check(machine_code ? nvrtcGetCUBIN(job.program, code.data()) : nvrtcGetPTX(job.program, code.data()), at, op);
  return code;
}

// All that the result depends on.
std::string key_of(const std::string& text, const std::string& target) {
  int major = 0, minor = 0;
  check(nvrtcVersion(&major, &minor), {}, "cuda");
  std::string key = fmt::format("NVRTC {}.{} {}", major, minor, target);
  for (const char* option : options) key += std::string(" ") + option;
  for (int i = 0; i < device_text_count; ++i) key += device_texts[i].text;
  return key + text;
}

}  // namespace

bool knows_architecture(int capability) {
  const std::vector<int>& known = architectures();
  return std::find(known.begin(), known.end(), capability) != known.end();
}

std::string compile(Where at, const char* op, const std::string& text, int capability) {
  const bool machine_code = knows_architecture(capability);
  std::string target = fmt::format("--gpu-architecture=sm_{}", capability);
  if (!machine_code) {
    int newest = 0;
    for (const int a : architectures())
      if (a < capability) newest = std::max(newest, a);
    if (newest == 0)
      throw Error(at, fmt::format("{}: this CUDA toolkit compiles for no GPU as old as compute capability {}.{}", op, capability / 10,
                                  capability % 10));
    target = fmt::format("--gpu-architecture=compute_{}", newest);
  }
  const std::string folder = cache_folder(), key = key_of(text, target);
  std::string code = load_cached(folder, key);
  if (code.empty()) {
    code = run(at, op, text, target, machine_code);
    store_cached(folder, key, code);
  }
  return code;
}

}  // namespace scoregrad::on_cuda
