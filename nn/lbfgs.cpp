#include "nn/lbfgs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/graph/gradient.h"

namespace scoregrad::nn {
namespace {

Tensor flat(const Tensors& xs) {
  Tensors rows;
  for (const Tensor& x : xs) rows.push_back(reshape(x, {-1}));
  return concat(rows, 0);  // a copy, also of one row
}
void write(const Tensors& xs, const Tensor& values) {
  int64_t begin = 0;
  for (const Tensor& x : xs) {
    copy_(x, reshape(slice_axis(values, 0, begin, begin + x.numel()), x.shape()));
    begin += x.numel();
  }
}
double largest(const Tensor& x) { return max(abs(x)).item(); }

// Where the cubic through two points with their slopes is least, kept off both ends of the interval (Nocedal & Wright, equation 3.59).
template <class Point>
double between(const Point& a, const Point& b) {
  const double width = b.at - a.at, d1 = a.slope + b.slope - 3 * (b.loss - a.loss) / width, under = d1 * d1 - a.slope * b.slope;
  const double d2 = std::copysign(std::sqrt(std::max(under, 0.0)), width);
  double part = 1 - (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  if (!(under >= 0) || !std::isfinite(part)) part = 0.5;
  return a.at + width * std::clamp(part, 0.1, 0.9);
}

}  // namespace

LBFGS::LBFGS(Tensors moved, LBFGSOptions options, Where at)
    : Optimiser("LBFGS", std::move(moved), options.rate, at), options_(std::move(options)) {
  if (options_.history < 1 || options_.iterations < 1 || options_.evaluations < 1)
    throw Error(at, fmt::format("LBFGS: history {}, iterations {} and evaluations {} must be positive", options_.history,
                                options_.iterations, options_.evaluations));
  if (!(options_.gradient_tolerance >= 0) || !(options_.change_tolerance >= 0))
    throw Error(
        at, fmt::format("LBFGS: the tolerances {} and {} must not be negative", options_.gradient_tolerance, options_.change_tolerance));
  const Tensor& first = parameters()[0];
  int64_t n = 0;
  for (const Tensor& p : parameters()) {
    if (p.dtype() != first.dtype() || p.device() != first.device())
      throw Error(at, "LBFGS: the parameters must share one element type and device");
    n += p.numel();
  }
  pairs_ = zeros_like(steps);
  moves_ = zeros({options_.history, n}, like(first));
  changes_ = zeros_like(moves_);
}

LBFGS::Point LBFGS::evaluate(const std::function<Tensor()>& loss, const Tensor& x, const Tensor& direction, double t, Where at) const {
  if (t != 0) {
    const NoGrad guard;
    write(parameters(), x + t * direction);
  }
  const RecordingScope recording(true);
  const Tensor value = loss();
  const Tensors grads = grad(value, parameters(), {}, at);
  const NoGrad guard;
  const Tensor g = flat(grads);
  return {t, value.item(at), direction.defined() ? dot(g, direction).item() : 0, g};
}

// H g by the pairs: each loop goes once through the ring, from the youngest to the oldest and back.
Tensor LBFGS::direction(const Tensor& gradient) const {
  const auto stored = static_cast<int64_t>(pairs_.item());
  const int64_t kept = std::min(stored, options_.history);
  if (kept == 0) return -gradient;
  const auto pair = [&](int64_t age) {
    const int64_t i = (stored - 1 - age) % options_.history;
    return std::pair(select(moves_, 0, i), select(changes_, 0, i));
  };
  Tensor q = gradient;
  Tensors shares;
  for (int64_t age = 0; age < kept; ++age) {
    const auto [s, y] = pair(age);
    shares.push_back(dot(s, q) / dot(s, y));
    q = q - shares.back() * y;
  }
  const auto [s, y] = pair(0);
  q = q * (dot(s, y) / dot(y, y));
  for (int64_t age = kept - 1; age >= 0; --age) {
    const auto [si, yi] = pair(age);
    q = q + (shares[static_cast<size_t>(age)] - dot(yi, q) / dot(si, yi)) * si;
  }
  return -q;
}

void LBFGS::remember(const Tensor& move, const Tensor& change) {
  // The strong Wolfe conditions make this product positive; rounding, or a search cut short, need not.
  if (!(dot(move, change).item() > 1e-10 * dot(change, change).item())) return;
  const int64_t i = static_cast<int64_t>(pairs_.item()) % options_.history;
  copy_(select(moves_, 0, i), move);
  copy_(select(changes_, 0, i), change);
  add_(pairs_, 1);
}

LBFGS::Point LBFGS::search(const std::function<Point(double)>& along, const Point& start, double first, double scale) const {
  const auto enough = [&](const Point& p) { return p.loss <= start.loss + 1e-4 * p.at * start.slope; };
  const auto level = [&](const Point& p) { return std::abs(p.slope) <= -0.9 * start.slope; };
  int64_t left = options_.evaluations;
  Point low = start, high;
  // Outwards until an interval is known to hold an acceptable point ...
  for (double t = first;; t *= 2) {
    if (left-- == 0) return low;
    Point p = along(t);
    if (!enough(p) || !std::isfinite(p.slope) || (low.at > 0 && p.loss >= low.loss)) {  // not finite: never enough
      high = p;
      break;
    }
    if (level(p)) return p;
    if (p.slope >= 0) {
      high = std::exchange(low, p);
      break;
    }
    low = p;
  }
  // ... then inwards; `low` is the best point seen that falls enough.
  while (left-- > 0 && std::abs(high.at - low.at) * scale > options_.change_tolerance) {
    Point p = along(between(low, high));
    if (!enough(p) || !std::isfinite(p.slope) || p.loss >= low.loss) {
      high = p;
      continue;
    }
    if (level(p)) return p;
    if (p.slope * (high.at - low.at) >= 0) high = low;
    low = p;
  }
  return low;
}

double LBFGS::step(const std::function<Tensor()>& loss, Where at) {
  begin(at);
  const CallerScope scope(at);
  Point here = evaluate(loss, {}, {}, 0, at);
  const NoGrad guard;
  if (!std::isfinite(here.loss)) throw Error(at, fmt::format("LBFGS: the loss is {} where the step begins", here.loss));
  for (int64_t i = 0; i < options_.iterations && largest(here.gradient) > options_.gradient_tolerance; ++i) {
    const Tensor x = flat(parameters()), d = direction(here.gradient);
    here.at = 0;
    here.slope = dot(here.gradient, d).item();
    if (!(here.slope < 0)) break;
    const double first = rate.item() * (pairs_.item() > 0 ? 1 : 1 / std::max(1.0, sum(abs(here.gradient)).item()));
    const Point next = search([&](double t) { return evaluate(loss, x, d, t, at); }, here, first, largest(d));
    write(parameters(), x + next.at * d);
    if (next.at == 0) break;
    remember(next.at * d, next.gradient - here.gradient);
    const double fall = here.loss - next.loss, moved = next.at * largest(d);
    here = next;
    if (moved <= options_.change_tolerance || std::abs(fall) <= options_.change_tolerance) break;
  }
  return here.loss;
}

}  // namespace scoregrad::nn
