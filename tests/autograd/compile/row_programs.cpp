// Networks drawn at random, row by row: chains of products with weights, norms, softmaxes and gates, their loss, the weights' gradients and
// an update in place, eager and compiled side by side. Where nothing is multiplied the bits agree; a product over K terms may be cut
// differently, and then every number agrees to 4 K eps of what is largest beside it.
#include <cstring>
#include <limits>
#include <random>

#include "autograd/compile/compile.h"
#include "autograd/compile/loop.h"
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/autograd/compile/programs.h"
#include "tests/catch.h"

using namespace scoregrad;

namespace {

class RowProgram {
 public:
  RowProgram(unsigned seed, bool products) : seed_(seed), products_(products), options_{.dtype = seed % 3 ? float32 : float64} {
    std::mt19937 draw(seed);
    constexpr int64_t extents[] = {4, 37, 130, 260, 515};
    rows_ = extents[draw() % 5];
    widths_.push_back(1 + static_cast<int64_t>(draw() % 24));
    for (size_t layers = 1 + draw() % 3, i = 0; i < layers; ++i) {
      const int64_t in = widths_.back(), out = products && draw() % 3 ? 1 + static_cast<int64_t>(draw() % 24) : in;
      widths_.push_back(out);
      const Key key = Key(seed).fold(i);
      if (products)
        parameters_.push_back((normal({in, out}, key.fold("w"), options_) / std::sqrt(static_cast<double>(in))).requires_grad());
      parameters_.push_back(normal({out}, key.fold("b"), options_).requires_grad());
    }
    key_ = Key(seed).fold("key").tensor();
  }
  Tensor argument(uint64_t call) const { return normal({rows_, widths_[0]}, Key(seed_).fold("x").fold(call), options_); }
  int64_t largest() const { return std::max(rows_, *std::max_element(widths_.begin(), widths_.end())); }
  bool narrow_numbers() const { return options_.dtype == float32; }

  Tensors operator()(const Tensors& in) const {
    std::mt19937 draw(seed_ + 1);
    const auto layer = [&](const Tensor& h, size_t i) {
      const size_t step = products_ ? 2 : 1;
      const Tensor& bias = parameters_[step * i + step - 1];
      Tensor y = products_ ? matmul(h, parameters_[2 * i]) : h;
      const auto kind = draw() % 4;
      y = kind == 0 ? tanh(y + bias) : kind == 1 ? silu(y + bias) : kind == 2 ? y * bias : relu(y - bias);
      for (auto more = draw() % 3; more > 0; --more) switch (draw() % 7) {
          case 0:
            y = softmax(y, 1) + y;
            break;
          case 1: {
            const Tensor centred = y - mean(y, {1}, true);
            y = centred / sqrt(mean(square(centred), {1}, true) + 0.1);
            break;
          }
          case 2:
            y = y / (1 + sum(square(y), {1}, true));
            break;
          case 3:
            y = y + 0.1 * normal(y.shape(), Key(key_).fold(more), options_);
            break;
          case 4:
            y = where(y > 0, y, 0.1 * y) + logsumexp(y, {1}, true);
            break;
          case 5:
            y = y - 0.1 * max(y, {1}, true);
            break;
          default:
            y = flip(y, {1}) * sigmoid(y);
        }
      return y.shape() == h.shape() && draw() % 2 ? y + h : y;
    };
    Tensor h = in[0];
    for (size_t i = 0; i + 1 < widths_.size(); ++i) {
      if (draw() % 4 == 0) {
        const std::mt19937 here = draw;  // computed twice, it must draw the same twice
        h = checkpoint(
            [&, here, i](const Tensor& x) {
              draw = here;
              return layer(x, i);
            },
            h);
      } else {
        h = layer(h, i);
      }
    }
    Tensor loss = mean(square(h - 0.5)) + 0.1 * mean(sum(square(softmax(h, 1)), {1}));
    const bool second = !products_ && draw() % 3 == 0;
    Tensors g = grad(loss, parameters_, {.create_graph = second});
    if (second) g = grad(loss + sum(square(g[0])), parameters_);
    const NoGrad plain;
    for (size_t i = 0; i < parameters_.size(); ++i) copy_(parameters_[i], parameters_[i] - 0.05 * g[i]);
    copy_(key_, Key(key_).fold(uint64_t{1}).tensor());
    Tensors out{loss.detach(), h.detach()};
    out.insert(out.end(), g.begin(), g.end());
    for (const Tensor& p : parameters_) out.push_back(p.detach());
    return out;
  }
  /// Goes on from where another one is.
  void follow(const RowProgram& other) const {
    const NoGrad plain;
    for (size_t i = 0; i < parameters_.size(); ++i) copy_(parameters_[i], other.parameters_[i]);
  }

 private:
  unsigned seed_;
  bool products_;
  Options options_;
  int64_t rows_;
  std::vector<int64_t> widths_;
  Tensors parameters_;
  Tensor key_;
};

// Bits where `bound` is 0, else the largest difference over 1 + the largest number.
void check_same(const Tensor& got, const Tensor& want, double bound) {
  REQUIRE(got.shape() == want.shape());
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  if (bound == 0) {
    REQUIRE((a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0));
    return;
  }
  double largest = 1, apart = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(b[i])), apart = std::max(apart, std::abs(a[i] - b[i]));
  REQUIRE(apart <= bound * largest);
}

void compare(unsigned seed, bool products) {
  const RowProgram eager(seed, products), replayed(seed, products);
  const compiled::Step f = [&](const Tensors& xs) { return replayed(xs); };
  const bool strict = seed % 2;
  CompiledStep step(f);
  CompiledLoop loop(f);
  const double eps = eager.narrow_numbers() ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const double bound = products ? 4 * static_cast<double>(eager.largest()) * eps : 0;
  for (uint64_t call = 0; call < 5; ++call) {
    const Tensor x = eager.argument(call);
    const Tensors want = eager({x}), got = strict ? step({x}) : loop({x});
    CAPTURE(seed, call);
    REQUIRE(want.size() == got.size());
    for (size_t i = 0; i < want.size(); ++i) {
      CAPTURE(i);
      check_same(got[i], want[i], bound);
    }
    replayed.follow(eager);
    if (!strict) REQUIRE(loop.replayed() == static_cast<int64_t>(call) + 1);
  }
}

}  // namespace

TEST_CASE("random row-wise networks replay to 4 K eps: products of rows, norms, softmaxes, weight gradients, updates") {
  for (unsigned seed = 0; seed < programs(400, 10); ++seed) compare(seed, true);
}

TEST_CASE("random row-wise programs without products replay with the bits of eager execution") {
  for (unsigned seed = 0; seed < programs(400, 10); ++seed) compare(seed, false);
}
