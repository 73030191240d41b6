// Several noise levels as one table and one page.
#include "losses/by_level.h"

#include <cmath>

#include "tests/close.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;
using namespace scoregrad::losses;
using namespace scoregrad::distributions;

namespace {

// x ~ N(0, l^2) and s = -x_t: with S = l^2 + sigma^2 DSM is (S - 2 + 1 / sigma^2) / 2, ESM (1 - 1 / S)^2 S / 2, C2 1 / (2 S).
std::vector<Decomposition> levels(int64_t samples) {
  const Tensor l = from({0.5}, {.dtype = float64}).requires_grad();
  const InputDistribution law{Gaussian{zeros({1}, {.dtype = float64}), reshape(l, {1, 1})}};
  const auto score = [](double) { return [](const Tensor& xt) { return -xt; }; };
  return decompose_over({0.5, 2}, score, law, {.samples = samples, .rule = quadrature::gauss_hermite(4), .wrt = {{"l", l}}}, Key(1));
}

}  // namespace

TEST_CASE("a row a level, with what the formulas say") {
  const std::string text = to_string(levels(0));
  CAPTURE(text);
  // At sigma = 0.5 S is 0.5: DSM 1.25, ESM 0.25, C2 1; for l the slopes are 0.5 l 2 = 0.5, -0.5 (1 / S^2 - 1) l 2 = -1.5 and -l / S^2 = -2.
  CHECK(contains(text, "sigma   DSM"));
  CHECK(contains(text, "  DSM d/d l  ESM d/d l    C2 d/d l\n"));
  CHECK(contains(text, "  0.5  1.25"));
  CHECK(contains(text, "     ~0        0.5       -1.5          -2\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
  CHECK(to_string(std::vector<Decomposition>{}).empty());
  CHECK(contains(to_string(levels(4096)), " +- "));
}

TEST_CASE("the page holds the curves' numbers and the table, and nothing is written for no level") {
  const ScratchFile file("levels.html");
  save(levels(0), file.path());
  const std::string page = file.bytes();
  CHECK(contains(page, "The losses by noise level"));
  CHECK(contains(page, "The gradient for l by noise level"));
  CHECK(contains(page, ">1.25<"));
  CHECK(contains(message_of([&] { save({}, file.path()); }), "save: there is no decomposition to write"));
}
