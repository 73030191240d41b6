#include "samplers/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/tensor/misfit.h"

namespace scoregrad::samplers {
namespace {

using Chain = std::vector<double>;

std::vector<Chain> rows_of(const char* op, const Tensor& chains, int64_t shortest, Where at) {
  if (chains.rank() < 1 || chains.rank() > 2 || chains.extent(-1) < shortest)
    throw misfit(at, op, "the chains", "[n] or [m, n]", chains, fmt::format("n is at least {}", shortest));
  std::vector<double> all = chains.to_vector<double>();
  // Nothing here depends on the scale, but squares would leave the range of a double: the largest is brought to 1/2 .. 1, exactly.
  double largest = 0;
  bool finite = true;
  for (double v : all) largest = std::max(largest, std::abs(v)), finite = finite && std::isfinite(v);
  const int exponent = finite && largest > 0 ? std::ilogb(largest) + 1 : 0;
  for (double& v : all) v = std::ldexp(v, -exponent);
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
  const double whole = lagged(x, 0), n = static_cast<double>(x.size());
  if (std::isnan(whole)) return whole;
  if (whole == 0) return n;  // a chain that never moved says as much as one draw
  double time = -1, last = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k + 1 < x.size(); k += 2) {
    const double pair = (lagged(x, k) + lagged(x, k + 1)) / whole;
    if (pair <= 0) break;
    last = std::min(last, pair);
    time += 2 * last;
  }
  return std::max(time, 1 / std::log10(n));
}

// How many independent draws all chains together are worth, by Geyer's sequences for the correlation that they have in common, which counts
// what the chains differ by as correlation for ever (Vehtari et al. 2021, equation 10; Stan Reference Manual, "effective sample size").
double joint_size(const std::vector<Chain>& chains) {
  const size_t n = chains.front().size();
  const double m = static_cast<double>(chains.size()), length = static_cast<double>(n);
  Chain means;
  std::vector<Chain> x;
  for (const Chain& c : chains) {
    means.push_back(mean_of(c));
    x.push_back(centred(c));
  }
  const auto covariance = [&](size_t k) {
    double sum = 0;
    for (const Chain& c : x) sum += lagged(c, k) / length;
    return sum / m;
  };
  const double within = covariance(0) * length / (length - 1);
  const double both = within * (length - 1) / length + (chains.size() > 1 ? variance_of(means) : 0);
  if (!(both > 0)) return std::numeric_limits<double>::quiet_NaN();
  const auto rho = [&](size_t k) { return 1 - (within - covariance(k)) / both; };

  // Pairs (rho_0, rho_1), (rho_2, rho_3), .. as long as they are positive; of the last one computed its first member, once.
  std::vector<std::pair<double, double>> pairs;
  std::pair<double, double> pair{1, rho(1)};
  size_t k = 2;
  for (; k + 2 < n && pair.first + pair.second > 0; k += 2) {
    pairs.push_back(pair);
    pair = {rho(k), rho(k + 1)};
  }
  double time = -1 + (pair.first > 0 || pair.first + pair.second >= 0 ? pair.first : 0), last = std::numeric_limits<double>::infinity();
  for (const auto& [even, odd] : pairs) {
    last = std::min(last, even + odd);
    time += 2 * last;
  }
  const double draws = m * length;
  return draws / std::max(time, 1 / std::log10(draws));
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

std::vector<Chain> halves_of(const std::vector<Chain>& chains) {
  std::vector<Chain> out;
  for (const Chain& row : chains) {
    const auto half = static_cast<std::ptrdiff_t>(row.size() / 2);
    out.emplace_back(row.begin(), row.begin() + half);
    out.emplace_back(row.end() - half, row.end());
  }
  return out;
}
// All numbers, in order; empty if one of them is none, also one in the middle, which no half has.
Chain sorted(const std::vector<Chain>& chains) {
  Chain all;
  for (const Chain& c : chains) all.insert(all.end(), c.begin(), c.end());
  for (double v : all)
    if (!std::isfinite(v)) return {};
  std::sort(all.begin(), all.end());
  return all;
}

// The z at which the normal law has the mass p, 0 < p <= 1/2: a rational guess (Abramowitz & Stegun 26.2.22), then Halley's method.
double lower_deviation(double p) {
  const double t = std::sqrt(-2 * std::log(p));
  double z = (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t)) - t;
  for (int i = 0; i < 3; ++i) {
    const double u = (0.5 * std::erfc(-z / std::sqrt(2.0)) - p) * std::sqrt(2 * M_PI) * std::exp(z * z / 2);
    z -= u / (1 + z * u / 2);
  }
  return z;
}

// Each number replaced by the normal deviation of its rank among all, (rank - 3/8) / (count + 1/4); equal numbers share their mean rank.
std::vector<Chain> normal_ranks(std::vector<Chain> chains, const Chain& all) {
  const double count = static_cast<double>(all.size());
  for (Chain& c : chains)
    for (double& v : c) {
      const auto [first, last] = std::equal_range(all.begin(), all.end(), v);
      const double below = static_cast<double>(first - all.begin()), above = static_cast<double>(all.end() - last);
      const double rank = (below + 1 + count - above) / 2, mirrored = count + 1 - rank;
      v = rank <= mirrored ? lower_deviation((rank - 0.375) / (count + 0.25)) : -lower_deviation((mirrored - 0.375) / (count + 0.25));
    }
  return chains;
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

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
  const std::vector<Chain> rows = rows_of("split_r_hat", chains, 4, at);
  if (rows.empty()) throw Error(at, "split_r_hat: no chains");
  return sorted(rows).empty() ? nothing : r_hat_of(halves_of(rows));
}

double bulk_effective_sample_size(const Tensor& chains, Where at) {
  const std::vector<Chain> rows = rows_of("bulk_effective_sample_size", chains, 4, at);
  if (sorted(rows).empty()) return nothing;
  const std::vector<Chain> halves = halves_of(rows);
  return joint_size(normal_ranks(halves, sorted(halves)));
}

double tail_effective_sample_size(const Tensor& chains, Where at) {
  const std::vector<Chain> rows = rows_of("tail_effective_sample_size", chains, 4, at);
  const Chain all = sorted(rows);
  if (all.empty()) return nothing;
  double least = std::numeric_limits<double>::infinity();
  for (double p : {0.05, 0.95}) {
    // Between the two nearest in order, linearly: the seventh of Hyndman & Fan (1996).
    const double place = p * static_cast<double>(all.size()) + (1 - p), low = std::floor(place), part = place - low;
    const size_t i = static_cast<size_t>(low) - 1;
    const double quantile = (1 - part) * all[i] + part * all[std::min(i + 1, all.size() - 1)];
    std::vector<Chain> below = halves_of(rows);
    for (Chain& c : below)
      for (double& v : c) v = v <= quantile;
    const double size = joint_size(below);
    if (std::isnan(size)) return size;
    least = std::min(least, size);
  }
  return least;
}

double rank_r_hat(const Tensor& chains, Where at) {
  const std::vector<Chain> rows = rows_of("rank_r_hat", chains, 4, at);
  if (sorted(rows).empty()) return nothing;
  std::vector<Chain> halves = halves_of(rows);
  const Chain all = sorted(halves);
  const double bulk = r_hat_of(normal_ranks(halves, all));
  const double median = (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2;
  for (Chain& c : halves)
    for (double& v : c) v = std::abs(v - median);
  const double tail = r_hat_of(normal_ranks(halves, sorted(halves)));
  return std::isnan(bulk) ? bulk : std::max(bulk, tail);
}

Share wilson(double successes, double n, double z, Where at) {
  if (!(n > 0) || !(successes >= 0 && successes <= n) || !(z >= 0) || !std::isfinite(n) || !std::isfinite(z))
    throw Error(at, fmt::format("wilson: {} successes of {} trials, {} deviations", successes, n, z));
  const double p = successes / n, zz = z * z / n, centre = (p + zz / 2) / (1 + zz);
  const double half = z / (1 + zz) * std::sqrt(p * (1 - p) / n + zz / (4 * n));
  return {p, std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

std::vector<Share> mode_weights(const Tensor& x, const Tensor& centres, double z, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (x.rank() != 2 || centres.rank() != 2 || x.extent(1) != centres.extent(1) || centres.extent(0) == 0)
    throw misfit(at, "mode_weights", "particles and centres", "[n, d] and [k, d]", extents_of({x, centres}));
  // By differences: |x|^2 - 2 x'c + |c|^2 loses what tells two centres far from the origin apart.
  Tensors distances;
  for (int64_t k = 0; k < centres.extent(0); ++k) distances.push_back(sum(square(x - select(centres, 0, k)), {1}));
  const std::vector<double> least = min(stack(distances, 0), {0}).to_vector<double>();
  const std::vector<int64_t> nearest = argmin(stack(distances, 0), 0).to_vector<int64_t>();
  std::vector<double> count(distances.size());
  for (size_t i = 0; i < least.size(); ++i)
    if (std::isfinite(least[i])) ++count.at(static_cast<size_t>(nearest[i]));
  std::vector<Share> out;
  for (double c : count) out.push_back(wilson(c, static_cast<double>(x.extent(0)), z, at));
  return out;
}

}  // namespace scoregrad::samplers
