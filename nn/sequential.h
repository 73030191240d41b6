// One module after the other.
#pragma once
#include <tuple>

#include "nn/module.h"

namespace scoregrad::nn {

/// y = last(..(second(first(x))))  of modules and plain functions such as relu:  Sequential net{Linear(2, 8, key), relu, Linear(..)}.
/// Parameters are named by their place: "0.weight", "2.weight".
template <class... Parts>
struct Sequential {
  std::tuple<Parts...> parts;

  explicit Sequential(Parts... parts_) : parts(std::move(parts_)...) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const {
    const CallerScope scope(at);
    Tensor h = x;
    std::apply([&](const Parts&... part) { ((h = part(h)), ...); }, parts);
    return h;
  }
  static void fields(auto& m, auto visit) {
    size_t place = 0;
    const auto one = [&](auto& part) {
      if constexpr (Module<std::remove_cvref_t<decltype(part)>>) visit(std::to_string(place).c_str(), part);
      ++place;
    };
    std::apply([&](auto&... part) { (one(part), ...); }, m.parts);
  }
};

}  // namespace scoregrad::nn
