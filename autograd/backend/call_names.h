// The names of what the attributes of calls choose between, for messages and lists.
#pragma once
#include "autograd/backend/calls.h"

namespace scoregrad {

constexpr const char* name_of(Reduction kind) {
  constexpr const char* names[] = {"sum", "prod", "max", "min", "argmax", "argmin"};
  return names[static_cast<int>(kind)];
}
constexpr const char* name_of(Random kind) {
  constexpr const char* names[] = {"uniform", "normal", "bits"};
  return names[static_cast<int>(kind)];
}
constexpr const char* name_of(Triangle triangle) { return triangle == Triangle::lower ? "lower" : "upper"; }
constexpr const char* name_of(ConvolutionPart part) {
  constexpr const char* names[] = {"forward", "input", "weight"};
  return names[static_cast<int>(part)];
}

}  // namespace scoregrad
