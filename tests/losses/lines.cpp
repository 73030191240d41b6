// Whatever goes wrong in a loss names a line of the program that called it, also inside a score of its own.
#include "distributions/gaussian.h"
#include "losses/decomposition.h"
#include "losses/score_matching.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::losses;

namespace {

void names_us(const std::function<void()>& f) { speaks_of(__FILE__, f); }

const Options f64{float64};
const Tensor x = ones({3, 2}, f64), wrong = ones({4}, f64);

}  // namespace

TEST_CASE("a loss that is given what it cannot use names the caller") {
  const Score s = [](const Tensor& t) { return t; };
  for (const std::function<void()>& f :
       std::vector<std::function<void()>>{[&] { esm(x, wrong); }, [&] { dsm(x, wrong, 1); }, [&] { dsm(x, x, 0); }, [&] { ism(x, x); },
                                          [&] {
                                            ism(nn::MLP({3, 4, 3}, nn::silu, Key(1), f64), x);
                                          },
                                          [&] { ssm(x, x, x); }, [&] { ssm_vr(x, x, wrong); }, [&] { fd_ssm(s, x, wrong, 0.1); },
                                          [&] { fd_ssm(logical_not, x, x, 0.1); }, [&] { fd_ssm_energy(s, x, x, 0.1); }, [&] { c3(x, -1); },
                                          [&] { sds(x, wrong, 1, x); }, [&] { vsd(x, wrong, x); }, [&] { red_diff(x, wrong, x, 1, 1); }})
    names_us(f);
}

TEST_CASE("a decomposition whose score fails, or returns another shape or element type, names the caller") {
  const Tensor c = scalar(1, f64).requires_grad();
  const InputDistribution law{distributions::Gaussian::standard(1, f64)};
  for (const Score& s : std::vector<Score>{[](const Tensor& t) { return t.to(float32); }, [](const Tensor& t) { return sum(t, {1}); },
                                           [](const Tensor& t) {
                                             return matmul(t, ones({3, 3}, f64));
                                           },
                                           logical_not}) {
    names_us([&] { decompose(s, law, {.sigma = 0.7}); });
    names_us([&] { decompose(s, law, {.sigma = 0.7, .samples = 64}); });
  }
}
