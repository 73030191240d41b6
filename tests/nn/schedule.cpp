#include "nn/schedule.h"

#include <cmath>
#include <numbers>

#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
namespace schedule = nn::schedule;

namespace {

Tensor counter(double steps) { return scalar(steps, {.dtype = float64}); }
std::vector<double> at(const nn::Schedule& s, const std::vector<double>& steps) {
  std::vector<double> out;
  for (double n : steps) out.push_back(s(counter(n)).item());
  return out;
}

}  // namespace

TEST_CASE("a constant stays, a step falls by its factor") {
  CHECK(at(schedule::constant(0.3), {0, 7, 1e6}) == std::vector<double>{0.3, 0.3, 0.3});
  CHECK(at(schedule::step(8, 10, 0.5), {0, 9, 10, 19, 20, 30}) == std::vector<double>{8, 8, 4, 4, 2, 1});
}

TEST_CASE("a cosine goes from its rate to its last value and stays there") {
  const nn::Schedule s = schedule::cosine(2, 100, 0.5);
  CHECK(apart(s(counter(0)).item(), 2) < 1e-15);
  CHECK(apart(s(counter(50)).item(), 1.25) < 1e-15);
  CHECK(apart(s(counter(25)).item(), 0.5 + 1.5 * (1 + std::cos(std::numbers::pi / 4)) / 2) < 1e-15);
  CHECK(apart(s(counter(100)).item(), 0.5) < 1e-15);
  CHECK(apart(s(counter(1000)).item(), 0.5) < 1e-15);
}

TEST_CASE("a warm-up rises in equal steps that begin above zero, then leaves the schedule alone") {
  CHECK(at(schedule::warm_up(4, schedule::constant(2)), {0, 1, 2, 3, 4, 50}) == std::vector<double>{0.5, 1, 1.5, 2, 2, 2});
  CHECK(at(schedule::warm_up(2, schedule::step(4, 2, 0.5)), {0, 1, 2, 4}) == std::vector<double>{2, 4, 2, 1});
}

TEST_CASE("schedules chain, and any function of the counter is one") {
  const nn::Schedule twice = schedule::chain(schedule::constant(5), 3, [](const Tensor& steps) { return 10 + steps; });
  CHECK(at(twice, {0, 2, 3, 4}) == std::vector<double>{5, 5, 10, 11});
}

TEST_CASE("the counter may stand for many steps at once, so that a schedule can be drawn") {
  CHECK(apart(schedule::step(1, 2, 0.5)(arange(0, 6, 1, {.dtype = float64})), from({1, 1, 0.5, 0.5, 0.25, 0.25}, {.dtype = float64})) == 0);
  CHECK(schedule::constant(3)(arange(0, 4, 1, {.dtype = float64})).shape() == Shape{4});
}

TEST_CASE("schedules that never advance or are empty are refused") {
  CHECK_THROWS_AS(schedule::step(1, 0), Error);
  CHECK_THROWS_AS(schedule::cosine(1, -3), Error);
  CHECK_THROWS_AS(schedule::warm_up(0, schedule::constant(1)), Error);
  CHECK_THROWS_AS(schedule::warm_up(2, nn::Schedule()), Error);
  CHECK_THROWS_AS(schedule::chain(schedule::constant(1), 2, nn::Schedule()), Error);
}
