// Monte-Carlo means with standard errors, of values and of gradients.
#pragma once
#include <cmath>
#include <functional>

#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/tensor/key.h"

struct Estimate {
  double mean = 0, error = 0;
  /// How many standard errors it lies from a number.
  double away(double want) const { return std::abs(mean - want) / error; }
};

inline Estimate estimate(const std::vector<double>& v) {
  const auto n = static_cast<double>(v.size());
  double sum = 0, squares = 0;
  for (double x : v) sum += x;
  for (double x : v) squares += (x - sum / n) * (x - sum / n);
  return {sum / n, std::sqrt(squares / (n - 1) / n)};
}
inline Estimate estimate(const scoregrad::Tensor& values) { return estimate(values.detach().to_vector<double>()); }

/// The gradient in each element of x of a mean, from independent blocks: loss(key) is one block's mean.
inline std::vector<Estimate> estimate_gradient(const std::function<scoregrad::Tensor(const scoregrad::Key&)>& loss,
                                               const scoregrad::Tensor& x, const scoregrad::Key& key, int blocks = 100) {
  std::vector<std::vector<double>> each(static_cast<size_t>(x.numel()));
  for (int b = 0; b < blocks; ++b) {
    const std::vector<double> g = grad(loss(key.fold(b)), x, {.allow_unused = true}).to_vector<double>();
    for (size_t i = 0; i < g.size(); ++i) each[i].push_back(g[i]);
  }
  std::vector<Estimate> out;
  for (const auto& v : each) out.push_back(estimate(v));
  return out;
}
