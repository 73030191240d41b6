// Schedules against the differential equations that define them, and against numbers of the papers' formulas.
#include "samplers/schedule.h"

#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};

// alpha' = f alpha and (sigma^2)' = 2 f sigma^2 + g^2, by central differences.
template <NoiseSchedule S>
void follows_its_equation(const S& s, const std::vector<double>& times) {
  for (double t : times) {
    CAPTURE(t);
    const double h = 1e-5 * (s.stop() - s.start());
    const double by_alpha = (s.alpha(t + h) - s.alpha(t - h)) / (2 * h);
    const double by_variance = (s.sigma(t + h) * s.sigma(t + h) - s.sigma(t - h) * s.sigma(t - h)) / (2 * h);
    CHECK(apart(by_alpha, s.drift(t) * s.alpha(t)) < 1e-7);
    CHECK(apart(by_variance, 2 * s.drift(t) * s.sigma(t) * s.sigma(t) + s.diffusion2(t)) < 1e-7);
    CHECK(apart(s.time_at(s.sigma(t) / s.alpha(t)), t) < 1e-10);
    const Tensor many = from({t, t}, f64);
    for (int64_t i : {0, 1}) {
      CHECK(apart(select(s.alpha(many), 0, i).item(), s.alpha(t)) < 1e-15);
      CHECK(apart(select(s.sigma(many), 0, i).item(), s.sigma(t)) < 1e-14);
      CHECK(apart(select(s.drift(many), 0, i).item(), s.drift(t)) < 1e-15);
      CHECK(apart(select(s.diffusion2(many), 0, i).item(), s.diffusion2(t)) < 1e-14);
      CHECK(apart(select(s.time_at(many), 0, i).item(), s.time_at(t)) < 1e-14);
    }
  }
}

}  // namespace

TEST_CASE("every schedule solves the equation of its drift and diffusion, and its time can be found from its noise") {
  follows_its_equation(VE{}, {0.1, 0.5, 0.9});
  follows_its_equation(VP{}, {0.01, 0.3, 0.6, 0.95});
  follows_its_equation(SubVP{}, {0.01, 0.3, 0.6, 0.95});
  follows_its_equation(Edm{}, {0.5, 2, 40});
}

TEST_CASE("schedules have the end points that their papers print") {
  CHECK(apart(VE{}.sigma(0.0), 0.01) < 1e-15);
  CHECK(apart(VE{}.sigma(1.0), 50) < 1e-13);
  CHECK(apart(VP{}.alpha(1.0), 0.00657158649) < 1e-9);  // exp(-(0.1 + 19.9 / 2) / 2)
  CHECK(apart(VP{}.sigma(1.0), std::sqrt(1 - std::exp(-10.05))) < 1e-15);
  CHECK(apart(SubVP{}.sigma(1.0), 1 - std::exp(-10.05)) < 1e-15);
  for (double t : {0.2, 0.8}) {
    CHECK(apart(VP{}.alpha(t) * VP{}.alpha(t) + VP{}.sigma(t) * VP{}.sigma(t), 1) < 1e-15);
    CHECK(SubVP{}.sigma(t) < VP{}.sigma(t));
  }
}

TEST_CASE("ladders of noise levels fall from the first to the last") {
  const std::vector<double> g = geometric_ladder(10, 0.1, 5), e = Edm{}.ladder(18);
  CHECK(apart(g[2], 1) < 1e-14);
  CHECK(apart(g[1] / g[0], g[4] / g[3]) < 1e-14);
  CHECK((e.size() == 18 && apart(e.front(), 80) < 1e-12 && apart(e.back(), 0.002) < 1e-12));
  CHECK(apart(e[9], std::pow(std::pow(80, 1 / 7.0) + 9 / 17.0 * (std::pow(0.002, 1 / 7.0) - std::pow(80, 1 / 7.0)), 7)) < 1e-13);
  CHECK_THROWS_AS(geometric_ladder(1, 0, 5), Error);
  CHECK_THROWS_AS(Edm{}.ladder(1), Error);
}

TEST_CASE("training levels are log-normal, and stratified times leave no part of the interval out") {
  const int64_t n = 40000;
  const Tensor logs = log(Edm{}.levels(n, Key(1), f64));
  CHECK(std::abs(mean(logs).item() + 1.2) < 4 * 1.2 / std::sqrt(n));
  CHECK(std::abs(var(logs).item() - 1.44) < 4 * 1.44 * std::sqrt(2.0 / n));
  const std::vector<double> t = stratified_times(VP{}, 100, Key(2), f64).to_vector<double>();
  const double width = (1 - 1e-3) / 100;
  for (size_t i = 0; i < t.size(); ++i) {
    CHECK(t[i] >= 1e-3 + width * static_cast<double>(i));
    CHECK(t[i] <= 1e-3 + width * static_cast<double>(i + 1));
  }
}
