// Programs drawn at random, run eagerly and compiled side by side on states of their own: results and states must agree bit for bit.
#include <random>

#include "autograd/compile/compile.h"
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/autograd/compile/programs.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {

// A step whose structure follows from a seed; it reads its arguments and its state, and writes the state.
class RandomStep {
 public:
  RandomStep(unsigned seed, bool products) : seed_(seed), products_(products), dtype_(seed % 2 ? float64 : float32) {
    const Options o{.dtype = dtype_};
    for (uint64_t i = 0; i < 3; ++i) parameters_.push_back(normal({4, 3}, Key(seed).fold(i), o).requires_grad());
    average_ = zeros({4, 3}, o);
    key_ = Key(seed).fold("step").tensor();
  }

  Tensors operator()(const Tensors& arguments) {
    std::mt19937 draw(seed_);
    const auto pick = [&](size_t n) { return draw() % n; };
    Tensors known;  // all [4, 3]
    for (const Tensor& p : parameters_) known.push_back(p);
    for (const Tensor& x : arguments) known.push_back(x);
    const auto any = [&]() -> const Tensor& { return known[pick(known.size())]; };
    const Tensor& counter = average_;
    for (int step = 0; step < 14; ++step) {
      const Tensor a = any(), b = any();
      switch (pick(products_ ? 17 : 16)) {
        case 0:
          known.push_back(tanh(a));
          break;
        case 1:
          known.push_back(a * b);
          break;
        case 2:
          known.push_back(a - 0.5 * b);
          break;
        case 3:
          known.push_back(exp(-square(a)) + b);
          break;
        case 4:
          known.push_back(a - mean(b, {0}, true));
          break;
        case 5:
          known.push_back(a / (1 + square(sum(b, {1}, true))));
          break;
        case 6:
          known.push_back(where(a > b, a, sin(b)));
          break;
        case 7:
          known.push_back(transpose(reshape(transpose(a), {3, 4}) + transpose(b)));
          break;
        case 8:
          known.push_back(concat({slice(a, {{1, 4}}), slice(b, {{0, 1}})}, 0));
          break;
        case 9:
          known.push_back(softmax(a, 1) + flip(b, {0}));
          break;
        case 10:
          known.push_back(a + normal({4, 3}, Key(key_), {.dtype = dtype_}));
          break;
        case 11:
          known.push_back(a * max(b, {1}, true));
          break;
        case 12:
          known.push_back(checkpoint([](const Tensor& x) { return tanh(square(x) + 1); }, a));
          break;
        case 13:
          known.push_back(a + zeros({4, 3}, {.dtype = dtype_}) + counter);
          break;
        case 14:
          known.push_back(index_select(a, 0, indices({3, 0, 0, 2})) - b);
          break;
        case 15:
          known.push_back(sigmoid(a) + from({1, 2, 3}, {.dtype = dtype_}));
          break;
        default:
          known.push_back(matmul(a, matmul(transpose(b), a)));
          break;
      }
    }
    Tensor loss = sum(square(known.back()));
    for (const Tensor& p : parameters_) loss = loss + 0.1 * sum(p * any());
    const bool second = pick(2) == 0;
    Tensors g = grad(loss, parameters_, {.create_graph = second});
    if (second) g = grad(sum(square(g[0])) + loss, parameters_);
    const NoGrad plain;
    for (size_t i = 0; i < parameters_.size(); ++i) add_(parameters_[i], -0.01 * g[i] / (1 + square(g[i])));
    copy_(average_, 0.9 * average_ + 0.1 * parameters_[0]);
    copy_(key_, Key(key_).fold(uint64_t{1}).tensor());
    return {loss.detach(), known.back().detach(), g[1], transpose(g[2]), parameters_[2].detach(), average_};
  }
  Tensors state() const { return {parameters_[0].detach(), parameters_[1].detach(), parameters_[2].detach(), average_, key_}; }

 private:
  unsigned seed_;
  bool products_;
  DType dtype_;
  Tensors parameters_;
  Tensor average_, key_;
};

// On a GPU, how many of them became one launch.
int launched = 0;

void compare(unsigned seed, bool products) {
  RandomStep eager(seed, products), replayed(seed, products);
  CompiledStep step([&](const Tensors& xs) { return replayed(xs); }, {.launch = OneLaunch::always});
  for (uint64_t call = 0; call < 6; ++call) {
    const Options o{.dtype = seed % 2 ? float64 : float32};
    const Tensors arguments{normal({4, 3}, Key(7).fold(call), o), transpose(normal({3, 4}, Key(8).fold(call), o))};
    const Tensors want = eager(arguments), got = step(arguments);
    CAPTURE(seed, call);
    REQUIRE(want.size() == got.size());
    for (size_t i = 0; i < want.size(); ++i) {
      CAPTURE(i);
      REQUIRE(same_bits(got[i], want[i]));
    }
    const Tensors a = replayed.state(), b = eager.state();
    for (size_t i = 0; i < a.size(); ++i) {
      CAPTURE(i);
      REQUIRE(same_bits(a[i], b[i]));
    }
    REQUIRE(step.replays(arguments) == (call >= 2));
    launched += call == 5 && step.mode(arguments) == "one launch";
  }
}

}  // namespace

TEST_CASE("random steps replay with the bits of eager execution, two thousand on the CPU") {
  for (unsigned seed = 0; seed < programs(2000, 20); ++seed) compare(seed, false);
  CHECK((launched > 0) == (backend(default_device()).begin_graph != nullptr));
}

TEST_CASE("with matrix products too: their operands and layouts are the eager ones") {
  for (unsigned seed = 0; seed < programs(400, 10); ++seed) compare(seed, true);
}
