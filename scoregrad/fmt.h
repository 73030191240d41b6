// Makes the library's types printable with fmt. The one public header that needs it; link fmt::fmt yourself.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "autograd/backend/device.h"
#include "autograd/backend/dtype.h"
#include "autograd/backend/shape.h"
#include "autograd/graph/gradient.h"
#include "autograd/tensor/print.h"
#include "losses/decomposition.h"

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

/// {} prints values and description; with a specification, [.digits][e|f|g] as in {:.3f}, the values alone.
template <>
struct fmt::formatter<scoregrad::Tensor> {
  scoregrad::PrintOptions options;

  constexpr auto parse(fmt::format_parse_context& c) {
    auto at = c.begin();
    const auto end = c.end();
    if (at == end || *at == '}') return at;
    options.describe = false;
    options.style = 'g';
    if (*at == '.') {
      options.precision = 0;
      for (++at; at != end && *at >= '0' && *at <= '9' && options.precision < 100; ++at)
        options.precision = 10 * options.precision + (*at - '0');
    }
    if (at != end && (*at == 'e' || *at == 'f' || *at == 'g')) options.style = *at++;
    if (at != end && *at != '}') throw fmt::format_error("a tensor is formatted by [.digits][e|f|g]");
    return at;
  }
  template <class Context>
  auto format(const scoregrad::Tensor& x, Context& c) const {
    const std::string text = scoregrad::to_string(x, options);
    return std::copy(text.begin(), text.end(), c.out());
  }
};

/// One line a path, then the total; the untagged rest is called "rest". Specifications as for a tensor.
template <>
struct fmt::formatter<scoregrad::GradByPath> : fmt::formatter<scoregrad::Tensor> {
  template <class Context>
  auto format(const scoregrad::GradByPath& g, Context& c) const {
    size_t width = 5;
    for (const auto& [path, part] : g.by_path) width = std::max(width, path.size());
    scoregrad::PrintOptions values = this->options;
    values.describe = false;
    auto out = c.out();
    const auto line = [&](std::string_view name, const scoregrad::Tensor& x, const char* end) {
      const std::string text = scoregrad::to_string(x, values);
      const char* gap = text.find('\n') == std::string::npos ? " " : "\n";  // a matrix starts on its own line
      out = fmt::format_to(out, "{:<{}}{}{}{}", name, width, gap, text, end);
    };
    for (const auto& [path, part] : g.by_path) line(path.empty() ? "rest" : path.c_str(), part, "\n");
    line("total", g.total, "");
    return out;
  }
};

/// The identity DSM = ESM - C2 + C3 with standard errors, then the gradients in total and by path.
template <>
struct fmt::formatter<scoregrad::losses::Decomposition> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const scoregrad::losses::Decomposition& d, Context& c) const {
    return fmt::formatter<std::string_view>::format(scoregrad::losses::to_string(d), c);
  }
};
