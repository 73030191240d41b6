#include "autograd/graph/flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "autograd/tensor/print.h"

namespace scoregrad {
namespace {

// In double and scaled, so that an exploding float32 gradient still has a number.
double norm_of(const Tensor& x) {
  double largest = 0, sum = 0;
  const std::vector<double> values = x.to_vector<double>();
  for (double v : values) largest = std::isnan(v) ? v : std::max(largest, std::abs(v));
  if (largest == 0 || !std::isfinite(largest)) return largest;
  for (double v : values) sum += (v / largest) * (v / largest);
  return largest * std::sqrt(sum);
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string shown(const std::optional<double>& v) { return v ? fmt::format("{:.4g}", *v) : "-"; }

}  // namespace

void GradFlow::computed(const char* op, Where, const Tensor& y) {
  if (!y.tracked()) return;
  Passage& p = passages_[y.node()->id];
  p.op = op;
  p.shape = y.shape();
  p.value_norm = norm_of(y);
  if (y.numel() <= 4) p.value = to_string(y, {.describe = false});
}

void GradFlow::swept(const Node& node, const Tensor& g) {
  Passage& p = passages_[node.id];
  p.op = node.op();
  p.shape = node.shape;
  p.cotangent_norm = norm_of(g);
  if (node.extras_if_any()) p.name = node.extras_if_any()->name;
}

std::map<std::string, double> GradFlow::gradients() const {
  std::map<std::string, double> norms;
  for (const auto& [id, p] : passages_)
    if (!p.name.empty() && p.cotangent_norm) norms[p.name] = *p.cotangent_norm;
  return norms;
}

std::string to_string(const GradFlow& flow) {
  size_t width = 4;
  for (const auto& [id, p] : flow.passages()) width = std::max(width, p.name.size());
  std::string text = fmt::format("{:<{}}  {:>10}  {:>10}  shape\n", "name", width, "|value|", "|gradient|");
  for (const auto& [id, p] : flow.passages())
    if (!p.name.empty())
      text += fmt::format("{:<{}}  {:>10}  {:>10}  {}\n", p.name, width, shown(p.value_norm), shown(p.cotangent_norm), to_string(p.shape));
  return text;
}

Timer::Timer() : last_(now()) {}

void Timer::computed(const char* op, Where, const Tensor&) {
  Total& t = totals_[op];
  ++t.count;
  t.seconds += now() - last_;
  last_ = now();
}

std::string to_string(const Timer& timer) {
  std::vector<std::pair<std::string, Timer::Total>> sorted(timer.totals().begin(), timer.totals().end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  size_t width = 2;
  double all = 0;
  for (const auto& [op, total] : sorted) {
    width = std::max(width, op.size());
    all += total.seconds;
  }
  std::string text = fmt::format("{:<{}}  {:>9}  {:>10}  share\n", "op", width, "count", "ms");
  for (const auto& [op, total] : sorted)
    text += fmt::format("{:<{}}  {:>9}  {:>10.3f}  {:>4.0f}%\n", op, width, total.count, 1e3 * total.seconds,
                        all > 0 ? 100 * total.seconds / all : 0.0);
  return text;
}

}  // namespace scoregrad
