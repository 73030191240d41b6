// Frechet distance, shares of classes, precision and recall: against SciPy, against closed forms for Gaussians, and by hand.
#include "samplers/quality.h"

#include <cmath>

#include "autograd/files/npz.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {
const Options f64{.dtype = float64};
}

TEST_CASE("Frechet distances, precision and recall are SciPy's") {
  const LoadedTensors file = load_npz("tests/samplers/data/quality.npz");  // generate_quality.py
  int compared = 0;
  for (const auto& [name, said] : file) {
    if (!name.ends_with(".said")) continue;
    const std::string pair = name.substr(0, name.find('.'));
    const Tensor x = file.at(pair + ".x"), y = file.at(pair + ".y");
    const std::vector<double> want = said.to_vector<double>();
    CAPTURE(pair);
    if (pair != "tight") CHECK(std::abs(frechet_distance(x, y) - want[0]) < 1e-9 * want[0]);
    for (int64_t k : {1, 4}) {
      const size_t at = k == 1 ? 1 : 3;
      const PrecisionRecall got = precision_recall(x, y, k);
      CHECK(std::abs(got.precision - want[at]) < 1e-12);
      CHECK(std::abs(got.recall - want[at + 1]) < 1e-12);
    }
    ++compared;
  }
  CHECK(compared == 5);
}

TEST_CASE("the Frechet distance of two sets on a line is that of their means and deviations; it is symmetric and 0 of a set and itself") {
  const Tensor x = from({{1}, {2}, {6}}, f64), y = from({{-1}, {0}, {1}, {0}}, f64);
  const double wide = std::sqrt(7.0), narrow = std::sqrt(2.0 / 3);
  CHECK(std::abs(frechet_distance(x, y) - (9 + (wide - narrow) * (wide - narrow))) < 1e-12);
  CHECK(std::abs(frechet_distance(x, y) - frechet_distance(y, x)) < 1e-12);
  const Tensor z = normal({40, 6}, Key(1), f64);
  CHECK(std::abs(frechet_distance(z, z)) < 1e-12);
}

TEST_CASE("the distance of two sets from Gaussians approaches the Gaussians' own, and the floor is what one law gets") {
  // N(0, I) and N(m, diag s^2) in the plane:  |m|^2 + sum (1 - s)^2.
  const Tensor x = normal({4000, 2}, Key(1), f64), y = normal({5000, 2}, Key(2), f64) * from({2, 0.5}, f64) + from({0.3, -0.4}, f64);
  const FrechetDistance got = frechet_distance(x, y, Key(3));
  CAPTURE(got.value, got.error, got.floor);
  CHECK(std::abs(got.value - 1.5) < 4 * got.error + got.floor);
  CHECK(got.error < 0.1);
  // Two sets of one law: the expected distance is known for the means alone, tr S (1/n + 1/m), and the covariances add of that order.
  const Tensor again = normal({4000, 2}, Key(4), f64), more = normal({5000, 2}, Key(5), f64);
  const FrechetDistance none = frechet_distance(again, more, Key(6), 50);
  CAPTURE(none.value, none.floor);
  CHECK((none.floor > 2 * (1.0 / 4000 + 1.0 / 5000) && none.floor < 6 * (1.0 / 4000 + 1.0 / 5000)));
  CHECK(none.value < 5 * none.floor);
}

TEST_CASE("the bootstrap's error is the scatter of the distance over fresh sets") {
  double total = 0, squares = 0, error = 0;
  const int runs = 40;
  for (int i = 0; i < runs; ++i) {
    const Key k = Key(7).fold(i);
    const FrechetDistance d = frechet_distance(normal({200, 2}, k.fold(0), f64) + 1.0, normal({300, 2}, k.fold(1), f64), k.fold(2), 30);
    total += d.value, squares += d.value * d.value, error += d.error / runs;
  }
  const double scatter = std::sqrt((squares - total * total / runs) / (runs - 1));
  CAPTURE(scatter, error);
  CHECK((error > 0.6 * scatter && error < 1.6 * scatter));
}

TEST_CASE("shares of classes: counts, chi squared and total variation by hand") {
  const ClassShares got = class_shares(indices({0, 1, 1, 2, 2, 2, 2, 0}), from({1, 1, 2}, f64));
  CHECK(got.counts.to_vector<int64_t>() == std::vector<int64_t>{2, 2, 4});
  CHECK(got.chi_squared == 0);
  CHECK(got.total_variation == 0);
  const ClassShares off = class_shares(indices({0, 0, 0, 1}), from({0.5, 0.5}, f64));
  CHECK(std::abs(off.chi_squared - 1) < 1e-15);
  CHECK(std::abs(off.total_variation - 0.25) < 1e-15);
  CHECK(std::isinf(class_shares(indices({0, 1}), from({1, 0}, f64)).chi_squared));  // what cannot happen did
}

TEST_CASE("chi squared of true shares has the mean and the variance of its law") {
  double total = 0, squares = 0;
  const int runs = 400;
  for (int i = 0; i < runs; ++i) {
    const double c = class_shares(integers(0, 10, {500}, Key(8).fold(i)), ones({10})).chi_squared;
    total += c / runs, squares += c * c / runs;
  }
  CHECK(std::abs(total - 9) < 4 * std::sqrt(18.0 / runs));
  CHECK(std::abs(squares - total * total - 18) < 8);
}

TEST_CASE("what makes no judgement is refused, and what is not a number stays so") {
  const Tensor x = normal({5, 2}, Key(1)), y = normal({6, 3}, Key(2));
  CHECK(contains(message_of([&] { frechet_distance(x, y); }), "frechet_distance: [n, d] and [m, d] wanted, [5, 2] and [6, 3] came"));
  CHECK(contains(message_of([&] { frechet_distance(x, x, Key(1), 1); }), "1 draws"));
  CHECK(contains(message_of([&] { precision_recall(x, x, 5); }), "at least 6"));
  CHECK(contains(message_of([&] { precision_recall(x, x, 0); }), "neighbour 0"));
  CHECK(contains(message_of([&] { class_shares(indices({0, 3}), ones({3})); }), "label 3 is none of 3"));
  CHECK(contains(message_of([&] { class_shares(indices({0}), from({1, -1})); }), "probability of -1"));
  CHECK(contains(message_of([&] { class_shares(indices({0}), zeros({3})); }), "all 0"));
  CHECK(std::isnan(precision_recall(x / 0.0, x, 1).precision));
}
