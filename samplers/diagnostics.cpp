#include "samplers/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace scoregrad::samplers {
namespace {

using Chain = std::vector<double>;

std::vector<Chain> rows_of(const char* op, const Tensor& chains, int64_t shortest, Where at) {
  if (chains.rank() < 1 || chains.rank() > 2 || chains.extent(-1) < shortest)
    throw Error(at,
                fmt::format("{}: chains of shape {}; wanted is [n] or [m, n] with n at least {}", op, to_string(chains.shape()), shortest));
  const std::vector<double> all = chains.to_vector<double>();
  const auto n = chains.extent(-1);
  std::vector<Chain> out;
  for (auto i = all.begin(); i != all.end(); i += n) out.emplace_back(i, i + n);
  return out;
}

double mean_of(const Chain& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}
double variance_of(const Chain& x) {
  const double m = mean_of(x);
  double sum = 0;
  for (double v : x) sum += (v - m) * (v - m);
  return sum / static_cast<double>(x.size() - 1);
}

// sum_t (x_t - mean)(x_{t+k} - mean) over a chain that has been centred.
double lagged(const Chain& x, size_t k) {
  double sum = 0;
  for (size_t t = 0; t + k < x.size(); ++t) sum += x[t] * x[t + k];
  return sum;
}
Chain centred(Chain x) {
  const double m = mean_of(x);
  for (double& v : x) v -= m;
  return x;
}

double time_of(const Chain& chain) {
  const Chain x = centred(chain);
  const double whole = lagged(x, 0);
  if (!(whole > 0)) return static_cast<double>(x.size());  // a chain that never moved says as much as one draw
  double time = -1, last = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k + 1 < x.size(); k += 2) {
    const double pair = (lagged(x, k) + lagged(x, k + 1)) / whole;
    if (pair <= 0) break;
    last = std::min(last, pair);
    time += 2 * last;
  }
  return time;
}

double r_hat_of(const std::vector<Chain>& chains) {
  Chain means;
  double within = 0;
  for (const Chain& c : chains) {
    means.push_back(mean_of(c));
    within += variance_of(c) / static_cast<double>(chains.size());
  }
  const double n = static_cast<double>(chains.front().size());
  return std::sqrt(((n - 1) / n * within + variance_of(means)) / within);
}

// One number a row, shaped like what stands before the last axis of `chains`.
Tensor by_row(const Tensor& chains, const std::vector<double>& values, Where at) {
  Shape shape = chains.shape();
  shape.rank -= 1;
  return from(values, shape, {.dtype = float64}, at);
}

}  // namespace

Tensor autocorrelation(const Tensor& chains, int64_t lags, Where at) {
  if (lags < 0) throw Error(at, fmt::format("autocorrelation: {} lags", lags));
  std::vector<double> out;
  for (const Chain& row : rows_of("autocorrelation", chains, lags + 1, at)) {
    const Chain x = centred(row);
    const double whole = lagged(x, 0);
    for (int64_t k = 0; k <= lags; ++k) out.push_back(lagged(x, static_cast<size_t>(k)) / whole);
  }
  Shape shape = chains.shape();
  shape[shape.rank - 1] = lags + 1;
  return from(out, shape, {.dtype = float64}, at);
}

Tensor autocorrelation_time(const Tensor& chains, Where at) {
  std::vector<double> out;
  for (const Chain& x : rows_of("autocorrelation_time", chains, 2, at)) out.push_back(time_of(x));
  return by_row(chains, out, at);
}

Tensor effective_sample_size(const Tensor& chains, Where at) {
  std::vector<double> out;
  for (const Chain& x : rows_of("effective_sample_size", chains, 2, at)) out.push_back(static_cast<double>(x.size()) / time_of(x));
  return by_row(chains, out, at);
}

double r_hat(const Tensor& chains, Where at) {
  const std::vector<Chain> all = rows_of("r_hat", chains, 2, at);
  if (all.size() < 2) throw Error(at, fmt::format("r_hat: {} chains; at least two are compared", all.size()));
  return r_hat_of(all);
}

double split_r_hat(const Tensor& chains, Where at) {
  std::vector<Chain> halves;
  for (const Chain& row : rows_of("split_r_hat", chains, 4, at)) {
    const auto half = static_cast<std::ptrdiff_t>(row.size() / 2);
    halves.emplace_back(row.begin(), row.begin() + half);
    halves.emplace_back(row.end() - half, row.end());
  }
  if (halves.empty()) throw Error(at, "split_r_hat: no chains");
  return r_hat_of(halves);
}

Share wilson(double successes, double n, double z, Where at) {
  if (!(n > 0) || successes < 0 || successes > n) throw Error(at, fmt::format("wilson: {} successes of {} trials", successes, n));
  const double p = successes / n, zz = z * z / n, centre = (p + zz / 2) / (1 + zz);
  const double half = z / (1 + zz) * std::sqrt(p * (1 - p) / n + zz / (4 * n));
  return {p, std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

std::vector<Share> mode_weights(const Tensor& x, const Tensor& centres, double z, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (x.rank() != 2 || centres.rank() != 2 || x.extent(1) != centres.extent(1))
    throw Error(at, fmt::format("mode_weights: particles of shape {} and centres of shape {}; wanted are [n, d] and [k, d]",
                                to_string(x.shape()), to_string(centres.shape())));
  // |x - c|^2 less |x|^2, which is the same for all centres.
  const Tensor distance = unsqueeze(sum(square(centres), {-1}), 0) - 2 * matmul(x, transpose(centres));
  std::vector<double> count(static_cast<size_t>(centres.extent(0)));
  for (int64_t k : argmin(distance, 1).to_vector<int64_t>()) ++count.at(static_cast<size_t>(k));
  std::vector<Share> out;
  for (double c : count) out.push_back(wilson(c, static_cast<double>(x.extent(0)), z, at));
  return out;
}

}  // namespace scoregrad::samplers
