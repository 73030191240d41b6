// Makes the library's types printable with fmt. The one public header that needs it; link fmt::fmt yourself.
#pragma once
#include <fmt/format.h>

#include "autograd/backend/device.h"
#include "autograd/backend/dtype.h"
#include "autograd/backend/shape.h"

/// "[2, 3]"
template <>
struct fmt::formatter<scoregrad::Dims> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const scoregrad::Dims& d, Context& c) const {
    return fmt::formatter<std::string_view>::format(scoregrad::to_string(d), c);
  }
};

/// "float32"
template <>
struct fmt::formatter<scoregrad::DType> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(scoregrad::DType t, Context& c) const {
    return fmt::formatter<std::string_view>::format(scoregrad::name_of(t), c);
  }
};

/// "cpu"
template <>
struct fmt::formatter<scoregrad::Device> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(scoregrad::Device d, Context& c) const {
    return fmt::formatter<std::string_view>::format(scoregrad::name_of(d), c);
  }
};
