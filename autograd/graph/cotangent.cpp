#include "autograd/graph/cotangent.h"

#include <algorithm>

#include "autograd/graph/arithmetic.h"

namespace scoregrad {

int Paths::find(const std::string& name) {
  const auto it = std::find(names_.begin(), names_.end(), name);
  if (it != names_.end()) return static_cast<int>(it - names_.begin());
  names_.push_back(name);
  return static_cast<int>(names_.size()) - 1;
}

void Cotangent::add(int path, Tensor value) {
  if (empty()) {
    first_ = {path, std::move(value)};
    return;
  }
  for (int i = 0; i < size(); ++i) {
    Part& part = (*this)[i];
    if (part.path != path) continue;
    part.value = accumulate(std::move(part.value), value);
    return;
  }
  rest_.push_back({path, std::move(value)});
}

Cotangent& Cotangent::operator+=(Cotangent other) {
  if (empty()) return *this = std::move(other);
  const int count = other.size();  // before its first part is moved away, which would make it look empty
  for (int p = 0; p < count; ++p) add(other[p].path, std::move(other[p].value));
  return *this;
}

Tensor Cotangent::along(int path) const {
  for (int i = 0; i < size(); ++i)
    if ((*this)[i].path == path) return (*this)[i].value;
  return {};
}

Tensor Cotangent::total() const {
  Tensor sum = first_.value;
  for (const Part& part : rest_) sum = scoregrad::add(sum, part.value);
  return sum;
}

}  // namespace scoregrad
