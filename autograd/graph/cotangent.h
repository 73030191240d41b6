// What flows through a sweep: one tensor for each path that it has taken. Without paths there is one part, path 0.
#pragma once
#include <string>
#include <vector>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// The path names of one sweep by path; 0 is the untagged rest. Null in an ordinary sweep.
class Paths {
 public:
  /// The path that is `path` with `label` on its far side from the loss: reverse sweeps meet the tag nearest the loss first.
  int below(int path, const std::string& label) { return find(path == 0 ? label : names_[size_t(path)] + "/" + label); }
  /// The path that is `path` with `label` on its near side: forward sweeps meet the tag nearest the loss last.
  int above(int path, const std::string& label) { return find(path == 0 ? label : label + "/" + names_[size_t(path)]); }
  const std::string& name(int path) const { return names_[size_t(path)]; }

 private:
  int find(const std::string& name);
  std::vector<std::string> names_{""};
};

/// A cotangent of a reverse sweep or a tangent of a forward sweep, split by path. Empty means zero.
class Cotangent {
 public:
  struct Part {
    int path = 0;
    Tensor value;
  };
  bool empty() const { return !first_.value.defined(); }
  int size() const { return empty() ? 0 : 1 + static_cast<int>(rest_.size()); }
  Part& operator[](int i) { return i == 0 ? first_ : rest_[static_cast<size_t>(i) - 1]; }
  const Part& operator[](int i) const { return i == 0 ? first_ : rest_[static_cast<size_t>(i) - 1]; }
  /// Adds a tensor to the part of its path.
  void add(int path, Tensor value);
  /// Adds every part of another.
  Cotangent& operator+=(Cotangent other);
  /// The value along one path, undefined if nothing took it.
  Tensor along(int path) const;
  /// The sum of all parts, undefined if empty.
  Tensor total() const;

 private:
  Part first_;  // apart, because an ordinary sweep has just this one
  std::vector<Part> rest_;
};

}  // namespace scoregrad
