#include "examples/inputs/descent.h"

#include <cmath>
#include <ctime>
#include <limits>

#include "autograd/graph/gradient.h"

namespace scoregrad::inputs {
namespace {

// Beyond this a law cannot be factorised any more, and nothing comes back.
bool bounded(const Tensors& parameters) {
  const NoGrad guard;
  for (const Tensor& p : parameters)
    if (!(max(abs(p)).item() < 1e6)) return false;
  return true;
}

}  // namespace

double Course::first_above(double bound) const {
  for (size_t i = 0; i < measured.size(); ++i)
    if (measured[i] > bound) return step[i];
  return static_cast<double>(measured.size());
}

Course descend(const Objective& objective, const Tensors& parameters, double rate, int64_t steps, const std::function<double()>& measure,
               const Key& key) {
  Course out;
  const std::clock_t start = std::clock();
  bool diverged = false;
  double made = 0;
  for (int64_t i = 0; i < steps; ++i) {
    if (diverged) {
      out.step.push_back(static_cast<double>(i + 1));
      out.measured.push_back(std::numeric_limits<double>::infinity());
      continue;
    }
    ++made;
    const Key now = key.fold(i);
    bool lost = false;  // what runs away is recorded as such
    for (const Tensor& p : parameters) lost = lost || !(max(abs(p)).item() < 1e3);
    if (lost) {
      out.step.push_back(static_cast<double>(i + 1));
      out.measured.push_back(std::nan(""));
      continue;
    }
    if (objective.prepare) objective.prepare(now.fold("prepare"));
    const Tensors g = grad(objective.loss(now), parameters, {.allow_unused = true});
    {
      const NoGrad guard;
      for (size_t k = 0; k < parameters.size(); ++k) add_(parameters[k], -rate * g[k]);
    }
    out.step.push_back(static_cast<double>(i + 1));
    diverged = !bounded(parameters);
    out.measured.push_back(diverged ? std::numeric_limits<double>::infinity() : measure());
  }
  out.milliseconds = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / made;
  const size_t from = out.measured.size() * 4 / 5;
  for (size_t i = from; i < out.measured.size(); ++i) out.final += out.measured[i] / static_cast<double>(out.measured.size() - from);
  return out;
}

std::vector<double> gradient(const Objective& objective, const Tensors& parameters, int batches, const Key& key) {
  std::vector<double> total;
  for (int b = 0; b < batches; ++b) {
    if (objective.prepare) objective.prepare(key.fold("prepare").fold(b));
    size_t i = 0;
    for (const Tensor& g : grad(objective.loss(key.fold(b)), parameters, {.allow_unused = true}))
      for (double x : g.to_vector<double>()) {
        if (total.size() <= i) total.push_back(0);
        total[i++] += x / batches;
      }
  }
  return total;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  return ab / std::sqrt(aa * bb);
}

}  // namespace scoregrad::inputs
