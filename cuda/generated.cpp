#include "cuda/generated.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "cuda/nvrtc.h"

namespace scoregrad::on_cuda {

CUfunction generated_kernel(const char* op, const std::string& key, const char* name, const std::function<std::string()>& text) {
  static std::mutex guard;
  static std::unordered_map<std::string, CUfunction> kernels;
  const std::lock_guard<std::mutex> lock(guard);
  const auto found = kernels.find(key);
  if (found != kernels.end()) return found->second;
  const std::string code = compile({}, op, text(), device().capability);
  return kernels.emplace(key, load_function({}, op, code.data(), name)).first->second;
}

void describe(std::string& key, const Call& call, int outputs, const Reach& reach) {
  const Program& p = call.program;
  const auto byte = [&](int v) { key.push_back(static_cast<char>(v)); };
  const auto word = [&](int v) {
    byte(v & 255);
    byte(v >> 8);
  };
  byte(static_cast<int>(p.dtype));
  word(p.inputs);
  word(p.immediate_count);
  word(p.length);
  word(outputs);
  for (int i = 0; i < p.inputs; ++i) byte(static_cast<int>(call.inputs[i].dtype));
  for (int k = 0; k < p.length; ++k) {
    const Instr& i = p.code[k];
    byte(static_cast<int>(i.op));
    for (const int r : {i.out, i.a, i.b, i.c}) word(r);
  }
  for (int o = 0; o < outputs; ++o) word(p.results[o]);
  byte(reach.width);
  byte(reach.flat);
  byte(reach.wide);
  key += reach.modes;
  for (const int line : reach.strides) word(line);
}

void Parameter::add_numbers(const Program& p) {
  for (int i = 0; i < std::max(1, p.immediate_count); ++i) {
    const Immediate value = i < p.immediate_count ? p.immediates[i] : Immediate{0, 0};
    unsigned char slot[8] = {};
    const float single = static_cast<float>(value.f);
    if (p.dtype == float32)
      std::memcpy(slot, &single, sizeof single);
    else if (p.dtype == float64)
      std::memcpy(slot, &value.f, sizeof value.f);
    else
      std::memcpy(slot, &value.i, sizeof value.i);
    append(slot, sizeof slot);
  }
}

void Parameter::launch(const char* op, CUfunction kernel, int64_t blocks, unsigned threads) {
  const bool large = CUDART_VERSION >= 12010 && device().driver >= 12010 && device().capability >= 70;
  const size_t size = words_.size() * 8, room = large ? 32764 : 4096;
  if (size > room) fail({}, op, fmt::format("a kernel takes {} bytes of operands, this program has {}", room, size));
  void* arguments[] = {words_.data(), nullptr};
  constexpr int64_t most = int64_t{1} << 24;
  on_cuda::launch(op, kernel, dim3(static_cast<unsigned>(std::min(blocks, most))), dim3(threads), 0, arguments);
}

}  // namespace scoregrad::on_cuda
