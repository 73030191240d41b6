#include "nn/checkpoint.h"

#include <fmt/format.h>

#include "autograd/files/file.h"
#include "autograd/tensor/create.h"

namespace scoregrad::nn {
namespace {

// The parts, "step" and "key".
NamedTensors everything(const std::vector<Part>& parts, const Tensor& step, const Tensor& key, Where at) {
  NamedTensors all;
  add_to(all, "step", step, at);
  add_to(all, "key", key, at);
  for (const Part& part : parts)
    for (const auto& [name, t] : part.state) add_to(all, name.empty() ? part.name : part.name + "." + name, t, at);
  return all;
}

}  // namespace

void save_checkpoint(const std::string& path, const std::vector<Part>& parts, int64_t step, const Key& key, Where at) {
  save_safetensors(path, everything(parts, indices({step}, Shape{}), key.tensor(), at), {{"scoregrad", "checkpoint"}}, at);
}

void check_checkpoint(const std::string& path, const std::vector<Part>& parts, const Key& key, Where at) {
  check_safetensors(path, everything(parts, indices({0}, Shape{}), key.tensor(), at), {}, at);
  check_writable(path, "save_checkpoint", at);
}

int64_t load_checkpoint(const std::string& path, const std::vector<Part>& parts, const Key& key, Where at) {
  const LoadedTensors values = load_safetensors(path, at);
  const auto step = values.find("step"), words = values.find("key");
  if (step == values.end() || words == values.end() || step->second.dtype() != int64 || step->second.rank() != 0 ||
      words->second.dtype() != int64 || words->second.shape() != Shape{2})
    throw Error(at, fmt::format("load_checkpoint: '{}' is no checkpoint: it lacks the number of steps or the key", path));
  const auto steps = step->second.to_vector<int64_t>()[0];
  if (steps < 0) throw Error(at, fmt::format("load_checkpoint: '{}' is no checkpoint: {} steps", path, steps));
  const std::vector<int64_t> theirs = words->second.to_vector<int64_t>(), ours = key.tensor().to_vector<int64_t>();
  if (theirs != ours)
    throw Error(at, fmt::format("load_checkpoint: '{}' comes from a run with the key {:x} {:x}, this one has {:x} {:x}; remove the file to "
                                "begin anew",
                                path, theirs[0], theirs[1], ours[0], ours[1]));
  restore(everything(parts, indices({0}, Shape{}), indices({0, 0}), at), values, path, at);
  return steps;
}

}  // namespace scoregrad::nn
