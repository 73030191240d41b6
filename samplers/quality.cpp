#include "samplers/quality.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/tensor/misfit.h"
#include "samplers/pair_distances.h"

namespace scoregrad::samplers {
namespace {

struct Moments {
  Tensor mean, covariance;
  explicit Moments(const Tensor& x) : mean(scoregrad::mean(x, {0}, true)) {
    const Tensor centred = x - mean;
    covariance = matmul(transpose(centred), centred) / static_cast<double>(x.extent(0) - 1);
  }
};

// Eigenvalues of a covariance are not below zero but for rounding.
Tensor roots(const Tensor& eigenvalues) { return sqrt(maximum(eigenvalues, 0.0)); }

double distance(const Moments& x, const Moments& y) {
  const auto [values, vectors] = eigh(x.covariance);
  const Tensor half = matmul(vectors * roots(values), transpose(vectors));
  const Tensor both = matmul(matmul(half, y.covariance), half);
  const double crossed = sum(roots(eigh((both + transpose(both)) / 2).values)).item();
  return (sum(square(x.mean - y.mean)) + trace(x.covariance) + trace(y.covariance)).item() - 2 * crossed;
}

// n of the rows, with replacement.
Tensor drawn(const Tensor& rows, int64_t n, const Key& key) {
  return index_select(rows, 0, integers(0, rows.extent(0), {n}, key, {DType::int64, rows.device()}));
}

// The square of each row's distance to its k-th neighbour among the others.
Tensor radii(const Tensor& x, int64_t k, const Places& places, double width) {
  const Tensor nearest = sort(places.distances(x, x, width), 1).values;  // the row itself comes first
  return select(nearest, 1, k);
}

}  // namespace

double frechet_distance(const Tensor& x, const Tensor& y, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  check_sets("frechet_distance", x, y, 2, at);
  return distance(Moments(x.to(float64)), Moments(y.to(float64)));
}

FrechetDistance frechet_distance(const Tensor& first, const Tensor& second, const Key& key, int64_t draws, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  check_sets("frechet_distance", first, second, 2, at);
  if (draws < 2) throw Error(at, fmt::format("frechet_distance: {} draws tell no error", draws));
  const Tensor x = first.to(float64), y = second.to(float64);
  const int64_t n = x.extent(0), m = y.extent(0);
  FrechetDistance out{distance(Moments(x), Moments(y))};
  double total = 0, squares = 0;
  for (int64_t i = 0; i < draws; ++i) {
    const Key k = key.fold(i);
    const Moments again(drawn(y, m, k.fold(0)));
    const double d = distance(Moments(drawn(x, n, k.fold(1))), again) - out.value;  // less the value, so that nothing cancels
    total += d, squares += d * d;
    out.floor += distance(Moments(drawn(y, n, k.fold(2))), again) / static_cast<double>(draws);
  }
  const double count = static_cast<double>(draws);
  out.error = std::sqrt(std::max(0.0, squares - total * total / count) / (count - 1));
  return out;
}

ClassShares class_shares(const Tensor& labels, const Tensor& probabilities, Where at) {
  const CallerScope scope(at, "class_shares");
  const NoGrad guard;
  if (!labels.defined() || !probabilities.defined() || labels.rank() != 1 || probabilities.rank() != 1 || labels.numel() == 0 ||
      labels.dtype() != DType::int64)
    throw misfit(at, "class_shares", "labels and probabilities", "int64 [n] and [k]", extents_of({labels, probabilities}));
  std::vector<double> p = probabilities.to_vector<double>();
  double all = 0;
  for (double each : p) {
    if (!(each >= 0) || !std::isfinite(each)) throw Error(at, fmt::format("class_shares: a probability of {}", each));
    all += each;
  }
  if (all == 0) throw Error(at, "class_shares: the probabilities are all 0");
  std::vector<int64_t> counts(p.size());
  for (int64_t label : labels.to_vector<int64_t>()) {
    if (label < 0 || label >= static_cast<int64_t>(p.size()))
      throw Error(at, fmt::format("class_shares: the label {} is none of {} classes", label, p.size()));
    counts[static_cast<size_t>(label)] += 1;
  }
  ClassShares out;
  const double n = static_cast<double>(labels.numel());
  for (size_t i = 0; i < p.size(); ++i) {
    const double expected = n * p[i] / all, off = static_cast<double>(counts[i]) - expected;
    if (off != 0) out.chi_squared += off * off / expected;
    out.total_variation += std::abs(off) / (2 * n);
  }
  out.counts = indices(counts);
  return out;
}

PrecisionRecall precision_recall(const Tensor& samples, const Tensor& real, int64_t k, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (k < 1) throw Error(at, fmt::format("precision_recall: neighbour {}", k));
  check_sets("precision_recall", samples, real, k + 1, at);
  const Tensor x = samples.to(float64), y = real.to(float64);
  const Places places(x, y);
  if (!std::isfinite(places.far)) return {std::nan(""), std::nan("")};
  // By matrix products, unless the smallest radius is too small for them.
  double width = std::sqrt(places.far);
  Tensor of_x = radii(x, k, places, width), of_y = radii(y, k, places, width);
  const double least = std::sqrt(std::min(min(of_x).item(), min(of_y).item()));
  if (!places.product_serves(least)) {
    width = least;
    of_x = radii(x, k, places, width), of_y = radii(y, k, places, width);
  }
  const Tensor apart = places.distances(x, y, width);
  const auto share = [](const Tensor& inside, int64_t axis) { return mean(max(inside.to(float64), {axis})).item(); };
  return {share(apart <= unsqueeze(of_y, 0), 1), share(apart <= unsqueeze(of_x, 1), 0)};
}

}  // namespace scoregrad::samplers
