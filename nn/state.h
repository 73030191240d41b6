// Modules as files: the tensors that a module names, kept in safetensors and put back by name.
#pragma once
#include "autograd/files/safetensors.h"
#include "nn/module.h"

namespace scoregrad::nn {

/// Everything that a module names, trained or not: parameters, running statistics, an optimiser's moments. The tensors share the module's
/// bytes. Throws Error if two have the same name.
template <Module M>
NamedTensors state_of(const M& m, Where at = Where::here());

/// Writes the state of a module, all of it or nothing.
template <Module M>
void save(const M& m, const std::string& path, Where at = Where::here()) {
  save_safetensors(path, state_of(m, at), {}, at);
}
/// Copies values of the same names into a state's own tensors. Throws Error listing every name that is missing or unknown and every shape
/// or element type that differs; then nothing was written. `source` says where the values come from.
void restore(const NamedTensors& state, const LoadedTensors& values, const std::string& source, Where at = Where::here());
/// Reads what save wrote for such a module, on any device; as restore, all or nothing.
template <Module M>
void load(const M& m, const std::string& path, Where at = Where::here()) {
  restore(state_of(m, at), load_safetensors(path, at), path, at);
}

/// Adds `tensor` under a name; throws Error if the name is taken.
void add_to(NamedTensors& state, const std::string& name, const Tensor& tensor, Where at);

template <Module M>
NamedTensors state_of(const M& m, Where at) {
  NamedTensors out;
  each_tensor(m, [&](const std::string& name, const Tensor& t) { add_to(out, name, t, at); });
  return out;
}

}  // namespace scoregrad::nn
