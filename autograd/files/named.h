// Tensors by name: what an archive holds.
#pragma once
#include <map>
#include <string>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

using NamedTensors = std::map<std::string, Tensor>;
using Texts = std::map<std::string, std::string>;

/// What was read of an archive, and why the rest was not: members of a kind that no tensor has (texts, complex numbers, objects) stand in
/// `unread` with the reason. What is damaged is never among them; it is an Error.
struct LoadedTensors : NamedTensors {
  Texts unread = {};
  std::string source = {};  ///< reader and path, for messages
  /// The tensor of that name; throws Error that says why it was not read, or what there is.
  const Tensor& at(const std::string& name, Where at = Where::here()) const;
};

}  // namespace scoregrad
