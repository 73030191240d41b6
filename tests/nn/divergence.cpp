#include "nn/divergence.h"

#include "autograd/graph/gradient.h"
#include "losses/score_matching.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

const Options f64{.dtype = float64};

ValueAndDivergence by_sweeps(const nn::MLP& net, const Tensor& x) {
  return divergence([&](const Tensor& y) { return net(y); }, x, {.create_graph = true});
}

struct Named {
  const char* name;
  nn::Activation activation;
};

}  // namespace

TEST_CASE("a network's divergence, its gradient and its Hessian times a vector are those of the sweeps, by closed form or not") {
  const std::vector<int64_t> widths[] = {{3, 7, 3}, {2, 6, 5, 2}, {1, 4, 9, 1}, {3, 5, 4, 6, 3}};
  for (const Named& a : {Named{"silu", nn::silu}, {"tanh", nn::tanh}, {"softplus", nn::softplus}, {"gelu", nn::gelu}})
    for (const std::vector<int64_t>& w : widths)
      for (bool norm : {false, true})
        for (bool residual : {false, true}) {
          INFO(a.name << " " << w.size() << " widths, norm " << norm << ", residual " << residual);
          const nn::MLP net(w, {.activation = a.activation, .norm = norm, .residual = residual}, Key(3), f64);
          const Tensor x = normal({5, w.front()}, Key(4), f64), weight = normal({5}, Key(5), f64);
          const Tensors p = nn::parameters(net);
          const auto closed = nn::divergence(net, x), swept = by_sweeps(net, x);
          CHECK(apart(closed.value, net(x)) < 1e-14);
          CHECK(apart(closed.divergence, swept.divergence) < 1e-12);
          const auto gradient = [&](const ValueAndDivergence& d) {
            return grad(sum(weight * d.divergence) + sum(square(d.value)), p, {.create_graph = true, .allow_unused = true});
          };
          const Tensors g = gradient(closed), want = gradient(swept);
          const auto again = [&](const Tensors& first) { return grad(sum(square(first[0])) + sum(first[2]), p, {.allow_unused = true}); };
          const Tensors second = again(g), want_second = again(want);
          for (size_t i = 0; i < p.size(); ++i) {
            CHECK(apart(g[i], want[i]) < 1e-11);
            CHECK(apart(second[i], want_second[i]) < 1e-10);
          }
        }
}

TEST_CASE("the closed form is differentiable in the point and needs no gradient anywhere") {
  const nn::MLP net({2, 6, 5, 2}, nn::tanh, Key(6), f64);
  const Tensor x = normal({4, 2}, Key(7), f64).requires_grad();
  CHECK(apart(grad(sum(nn::divergence(net, x).divergence), x), grad(sum(by_sweeps(net, x).divergence), x)) < 1e-12);
  const NoGrad plain;
  const auto d = nn::divergence(net, x);
  CHECK_FALSE(d.value.tracked());
  CHECK_FALSE(d.divergence.tracked());
  CHECK(apart(d.divergence, by_sweeps(net, x).divergence) < 1e-12);
}

TEST_CASE("layers without bias have a divergence too, and the implicit loss of a network is that of its values") {
  nn::MLP net({3, 8, 6, 3}, nn::silu, Key(8), f64);
  for (nn::Linear& l : net.layers) l.bias = {};
  const Tensor x = normal({7, 3}, Key(9), f64).requires_grad();
  CHECK(apart(nn::divergence(net, x).divergence, by_sweeps(net, x).divergence) < 1e-12);
  CHECK(apart(losses::ism(net, x), losses::ism(net(x), x)) < 1e-12);
}

TEST_CASE("a network that does not map into its own space has no divergence") {
  const nn::MLP net({2, 4, 4, 3}, nn::silu, Key(1));
  CHECK(message_of([&] { nn::divergence(net, zeros({5, 2})); }).find("from 2 to 3 numbers, [5, 2] came") != std::string::npos);
  CHECK_THROWS_AS(nn::divergence(nn::MLP({2, 4, 2}, nn::silu, Key(1)), zeros({2})), Error);
}
