// A module is a plain struct that names its fields once. What can be done to all of them is a free function: no base class, no
// registration.
#pragma once
#include <concepts>
#include <string>
#include <utility>
#include <vector>

#include "autograd/ops/ops.h"

namespace scoregrad::nn {

struct AnyField {
  template <class T>
  void operator()(const char*, T&) const {}
};
/// A struct with `static void fields(auto& m, auto visit)`, which calls visit(name, field) for each of its tensors, modules and vectors of
/// them; a field is the member itself, so that it can be replaced.
template <class M>
concept Module = requires(M& m) {
  M::fields(m, AnyField{});
};

/// Calls f(name, tensor) for each defined tensor of a module, names joined by dots: "layers.0.weight".
template <class T, class F>
void each_tensor(T& field, const F& f, const std::string& name = "") {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::same_as<Plain, Tensor>) {
    if (field.defined()) f(name, field);
  } else if constexpr (Module<Plain>) {
    Plain::fields(field, [&](const char* part, auto& inner) { each_tensor(inner, f, name.empty() ? part : name + "." + part); });
  } else {
    for (size_t i = 0; i < field.size(); ++i) each_tensor(field[i], f, name + "." + std::to_string(i));
  }
}

/// The tensors of a module that require a gradient, in the order of its fields, with their names.
template <Module M>
std::vector<std::pair<std::string, Tensor>> named_parameters(const M& m) {
  std::vector<std::pair<std::string, Tensor>> out;
  each_tensor(m, [&](const std::string& name, const Tensor& t) {
    if (t.is_leaf()) out.emplace_back(name, t);
  });
  return out;
}
/// The same without names: what an optimiser takes.
template <Module M>
Tensors parameters(const M& m) {
  Tensors out;
  for (auto& [name, t] : named_parameters(m)) out.push_back(t);
  return out;
}

/// How many numbers a module learns: the elements of its parameters.
template <Module M>
int64_t parameter_count(const M& m) {
  int64_t count = 0;
  for (const Tensor& p : parameters(m)) count += p.numel();
  return count;
}

/// m with every tensor replaced by f(tensor), which gets it without history; what required a gradient does so again.
template <Module M, class F>
M mapped(M m, const F& f) {
  each_tensor(m, [&](const std::string&, Tensor& t) {
    Tensor changed = f(t.detach());
    if (t.is_leaf()) changed.requires_grad();
    t = changed;
  });
  return m;
}
/// The same module with bytes of its own: training one leaves the other alone.
template <Module M>
M clone(const M& m) {
  return mapped(m, [](const Tensor& t) { return scoregrad::clone(t); });
}
/// The same module on another device, or with another floating element type (integers stay). Bytes that need not move are shared.
template <Module M>
M to(const M& m, Device device) {
  return mapped(m, [&](const Tensor& t) { return t.to(device); });
}
template <Module M>
M to(const M& m, DType dtype) {
  return mapped(m, [&](const Tensor& t) { return is_floating(t.dtype()) ? t.to(dtype) : t; });
}
/// The same module, bytes shared, with nothing that requires a gradient: a frozen network, of which `clone` makes a lasting snapshot.
template <Module M>
M detached(M m) {
  each_tensor(m, [](const std::string&, Tensor& t) { t = t.detach(); });
  return m;
}

}  // namespace scoregrad::nn
