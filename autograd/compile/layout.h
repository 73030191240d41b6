// What a record holds for: a step is compiled once for each layout of its arguments.
#pragma once
#include <algorithm>
#include <memory>

#include "autograd/tensor/tensor.h"

namespace scoregrad::compiled {

/// Shapes, types, strides, devices, and which arguments share memory.
struct Layout {
  struct Argument {
    Shape shape;
    Strides strides;
    int64_t offset;
    DType dtype;
    Device device;
    bool tracked;
    size_t shares;  // the first argument with the same storage
    friend bool operator==(const Argument& a, const Argument& b) {
      return a.shape == b.shape && a.strides == b.strides && a.offset == b.offset && a.dtype == b.dtype && a.device == b.device &&
             a.tracked == b.tracked && a.shares == b.shares;
    }
  };
  std::vector<Argument> arguments;

  explicit Layout(const Tensors& xs) {
    for (size_t i = 0; i < xs.size(); ++i) {
      size_t shares = 0;
      while (xs[shares].body().storage.get() != xs[i].body().storage.get()) ++shares;
      arguments.push_back({xs[i].shape(), xs[i].strides(), xs[i].body().offset, xs[i].dtype(), xs[i].device(), xs[i].tracked(), shares});
    }
  }
  friend bool operator==(const Layout& a, const Layout& b) { return a.arguments == b.arguments; }
};

/// A T for each layout, up to `most`; the one used last stands first.
template <class T>
class ByLayout {
 public:
  explicit ByLayout(size_t most) : most_(most) {}

  /// That of these arguments, made if there is none; `forget` sees the one that has to go for it.
  template <class F>
  T& at(const Tensors& arguments, F forget) {
    const Layout layout(arguments);
    const auto known = std::find_if(all_.begin(), all_.end(), [&](const auto& entry) { return entry->layout == layout; });
    if (known != all_.end()) {
      std::rotate(all_.begin(), known, known + 1);
      return all_[0]->value;
    }
    if (all_.size() == most_) {
      forget(all_.back()->value);
      all_.pop_back();
    }
    all_.insert(all_.begin(), std::make_unique<Entry>(Entry{layout, {}}));
    return all_[0]->value;
  }
  /// That of these arguments, if there is one.
  const T* find(const Tensors& arguments) const {
    const Layout layout(arguments);
    for (const auto& entry : all_)
      if (entry->layout == layout) return &entry->value;
    return nullptr;
  }
  /// The one used last, if there is any.
  const T* last() const { return all_.empty() ? nullptr : &all_[0]->value; }
  template <class F>
  void each(F f) const {
    for (const auto& entry : all_) f(entry->value);
  }

 private:
  struct Entry {
    Layout layout;
    T value;
  };
  size_t most_;
  std::vector<std::unique_ptr<Entry>> all_;
};

}  // namespace scoregrad::compiled
