// Whatever goes wrong in a network or its training names a line of the program that called it.
#include "nn/attention.h"
#include "nn/conv.h"
#include "nn/divergence.h"
#include "nn/ema.h"
#include "nn/embedding.h"
#include "nn/lbfgs.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/optimiser.h"
#include "nn/score.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

void names_us(const std::function<void()>& f) { speaks_of(__FILE__, f); }

const Options f64{float64};
const Key key(1);
const Tensor x = ones({3, 2}, f64);

}  // namespace

TEST_CASE("a layer that is given another shape or element type names the caller") {
  const nn::Linear linear(3, 2, key, f64);
  const nn::MLP mlp({3, 4, 3}, nn::silu, key, f64);
  const nn::Conv2d conv(2, 3, 3, {}, key);
  for (const std::function<void()>& f : std::vector<std::function<void()>>{
           [&] { linear(x); },
           [&] {
             linear(ones({4, 3}));
           },
           [&] { mlp(x); },
           [&] {
             mlp(ones({4, 3}));
           },
           [&] { conv(x); }, [&] { nn::divergence(mlp, x); }, [&] { nn::LayerNorm(3, f64)(x); }, [&] { nn::MLP({3}, nn::silu, key, f64); },
           [&] { nn::minus_gradient(logical_not, x); }, [&] { nn::minus_gradient([](const Tensor& t) { return matmul(t, t); }, x); }})
    names_us(f);
}

TEST_CASE("an optimiser that is given nothing to learn names the caller") {
  const nn::MLP frozen = nn::detached(nn::MLP({3, 4, 3}, nn::silu, key, f64));
  names_us([&] { nn::Adam{nn::parameters(frozen)}; });
  names_us([&] { nn::EMA{nn::parameters(frozen)}; });
  Tensor w = ones({2}, f64).requires_grad();
  nn::LBFGS lbfgs({w});
  names_us([&] { lbfgs.step([&] { return matmul(w, ones({3}, f64)); }); });
}

TEST_CASE("parameter_count counts what a module learns") {
  CHECK(nn::parameter_count(nn::MLP({3, 4, 2}, nn::silu, key)) == 3 * 4 + 4 + 4 * 2 + 2);
  CHECK(nn::parameter_count(nn::detached(nn::Linear(3, 2, key))) == 0);
}
