// Checkpoints: all that a run needs to go on, in one safetensors file.
#pragma once
#include "autograd/tensor/key.h"
#include "nn/state.h"

namespace scoregrad::nn {

/// A module, an optimiser or an average under the name that it has in a checkpoint.
struct Part {
  template <Module M>
  Part(std::string name_, const M& module, Where at = Where::here()) : name(std::move(name_)), state(state_of(module, at)) {}
  std::string name;
  NamedTensors state;  ///< shares the module's bytes
};

/// Writes the parts, the number of steps taken and the key of the run. The file is replaced once the new one is on the disk, so that a kill
/// at any moment leaves the old checkpoint or the new one. Throws Error if it cannot be written or names collide.
void save_checkpoint(const std::string& path, const std::vector<Part>& parts, int64_t step, const Key& key, Where at = Where::here());
/// Throws what save_checkpoint would throw for these parts and this path, and writes nothing.
void check_checkpoint(const std::string& path, const std::vector<Part>& parts, const Key& key, Where at = Where::here());
/// Puts the parts back and returns the number of steps taken. Throws Error, before anything is changed, for a file that is not complete, is
/// no checkpoint, does not fit the parts, or comes from a run with another key.
int64_t load_checkpoint(const std::string& path, const std::vector<Part>& parts, const Key& key, Where at = Where::here());

}  // namespace scoregrad::nn
