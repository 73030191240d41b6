// Tensors by name: what an archive holds.
#pragma once
#include <map>
#include <string>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

using NamedTensors = std::map<std::string, Tensor>;

}  // namespace scoregrad
