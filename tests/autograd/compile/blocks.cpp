// Bands: steps whose calls are made block of rows by block of rows agree with eager ones, whatever the number of threads.
#include <cstring>
#include <random>

#include "autograd/backend/machine.h"
#include "autograd/compile/compile.h"
#include "autograd/compile/passes.h"
#include "autograd/compile/replay.h"
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

// A step over rows whose structure follows from a seed: results, gradients, and a state that is written in place.
class RowStep {
 public:
  RowStep(unsigned seed, bool products) : seed_(seed), products_(products) {
    std::mt19937 draw(seed);
    rows_ = 6 + static_cast<int64_t>(draw() % 40), width_ = 1 + static_cast<int64_t>(draw() % 5);
    weight_ = normal({width_, width_}, Key(seed).fold("w"), o).requires_grad();
    bias_ = normal({width_}, Key(seed).fold("b"), o).requires_grad();
    state_ = normal({rows_, width_}, Key(seed).fold("s"), o);
    key_ = Key(seed).fold("key").tensor();
  }
  Tensor argument(uint64_t call) const { return normal({rows_, width_}, Key(3).fold(call), o); }

  Tensors operator()(const Tensors& arguments) {
    std::mt19937 draw(seed_ + 1);
    Tensors known{arguments[0], state_, bias_ * arguments[0]};  // all [rows, width]
    const auto any = [&]() -> const Tensor& { return known[draw() % known.size()]; };
    for (int i = 0; i < 12; ++i) {
      const Tensor a = any(), b = any();
      switch (draw() % (products_ ? 12 : 10)) {
        case 0:
          known.push_back(tanh(a) * b);
          break;
        case 1:
          known.push_back(a - 0.5 * b + bias_);
          break;
        case 2:
          known.push_back(softmax(a, 1) + b);
          break;
        case 3:
          known.push_back(a / (1 + sum(square(b), {1}, true)));
          break;
        case 4:
          known.push_back(a - mean(b, {0}, true));  // waits for every row
          break;
        case 5:
          known.push_back(a + normal({rows_, width_}, Key(key_).fold(static_cast<uint64_t>(i)), o));
          break;
        case 6:
          known.push_back(slice(concat({a, sin(b)}, 1), {{}, {width_ / 2, width_ / 2 + width_}}));
          break;
        case 7:
          known.push_back(flip(a, {0}) + cumsum(b, 1));
          break;
        case 8:
          known.push_back(index_select(transpose(weight_) + 0 * weight_, 0, integers(0, width_, {rows_}, Key(key_))));
          break;
        case 9:
          known.push_back(checkpoint([](const Tensor& x) { return square(tanh(x)); }, a));
          break;
        default:
          known.push_back(matmul(a, transpose(weight_)) + b);
          break;
      }
    }
    const Tensor loss = mean(square(known.back())) + sum(weight_) + 0.1 * mean(any() * any()) + sum(bias_);
    const Tensors g = grad(loss, {weight_, bias_});
    const NoGrad plain;
    copy_(state_, 0.9 * state_ + 0.1 * tanh(known.back().detach()));
    add_(weight_, -0.01 * g[0]);
    add_(bias_, -0.01 * g[1]);
    copy_(key_, Key(key_).fold("next").tensor());
    return {loss.detach(), known.back().detach(), g[0], any().detach(), state_ * 2};
  }
  Tensors state() const { return {weight_.detach(), bias_.detach(), state_, key_}; }

 private:
  inline static const Options o{.dtype = float64};
  unsigned seed_;
  bool products_;
  int64_t rows_, width_;
  Tensor weight_, bias_, state_, key_;
};

compiled::Sequence banded(compiled::Sequence s, int64_t cache_bytes) {
  s = compiled::fold(compiled::drop(compiled::fuse(compiled::fold(compiled::drop(compiled::merge(std::move(s)))))));
  s = compiled::absorb(compiled::drop(compiled::recompute(std::move(s))));
  return compiled::plan(
      compiled::block(std::move(s), {.least_rows = 2, .cache_bytes = cache_bytes, .least_product = 2, .least_ns = 0, .most_growth = 100}));
}

double distance(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (!(x[i] == y[i])) most = std::max(most, std::abs(x[i] - y[i]) / (1 + std::abs(y[i])));
  return most;
}

// How many bands were formed.
size_t compare(unsigned seed, bool products) {
  RowStep eager(seed, products), replayed(seed, products);
  const auto step = [&](const Tensors& xs) { return replayed(xs); };
  eager({eager.argument(0)});
  compiled::Recorded r = compiled::record(step, {replayed.argument(0)}, Where::here());
  compiled::Replay replay(banded(std::move(r.sequence), 100 + 97 * (seed % 7)), OneLaunch::never, Where::here());
  for (uint64_t call = 1; call < 4; ++call) {
    set_threads(1 + static_cast<int>(call));
    const Tensors want = eager({eager.argument(call)}), got = replay.run({replayed.argument(call)}, Where::here());
    const Tensors a = replayed.state(), b = eager.state();
    CAPTURE(seed, call);
    for (size_t i = 0; i < want.size(); ++i) REQUIRE(distance(got[i], want[i]) <= (products ? 1e-12 : 0));
    for (size_t i = 0; i < a.size(); ++i) REQUIRE(distance(a[i], b[i]) <= (products ? 1e-12 : 0));
  }
  return replay.sequence().bands.size();
}

// A layer and its gradient over many rows.
struct Layer {
  Tensor w = normal({64, 64}, Key(1)).requires_grad(), b = zeros({64}).requires_grad(), w2 = normal({64, 64}, Key(2)).requires_grad();
  Tensors operator()(const Tensor& x) const {
    const Tensor loss = mean(square(matmul(silu(matmul(x, w) * 0.1 + b), w2)));
    Tensors g = grad(loss, {w, b, w2});
    g.push_back(loss.detach());
    return g;
  }
};

}  // namespace

TEST_CASE("random steps over rows, made in bands, replay with the bits of eager execution") {
  if (default_device() != cpu) return;  // a GPU has its own threads
  const int threads_before = threads();
  size_t bands = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) bands += compare(seed, false);
  CHECK(bands > 1000);
  set_threads(threads_before);
}

TEST_CASE("with matrix products, which a band cuts into tiles of its own, to rounding") {
  if (default_device() != cpu) return;  // a GPU has its own threads
  const int threads_before = threads();
  size_t bands = 0;
  for (unsigned seed = 0; seed < 500; ++seed) bands += compare(seed, true);
  CHECK(bands > 500);
  set_threads(threads_before);
}

TEST_CASE("a network over many rows is a band, whose bits do not depend on the number of threads") {
  if (default_device() != cpu) return;  // a GPU has its own threads
  const int threads_before = threads();
  const Layer layer;
  const Tensor x = normal({5000, 64}, Key(3));
  std::vector<Tensors> results;
  for (const int t : {1, 2, 5}) {
    set_threads(t);
    auto step = compile([&](const Tensor& rows) { return layer(rows); });
    for (int call = 0; call < 3; ++call) step(x);
    CHECK(step.step().show(Pass::blocked).find("for blocks of") != std::string::npos);
    CHECK(step.step().show(Pass::fused).find("for blocks of") == std::string::npos);
    results.push_back(step(x));
  }
  set_threads(threads_before);
  const Tensors eager = layer(x);
  for (const Tensors& r : results)
    for (size_t i = 0; i < r.size(); ++i) {
      CHECK(distance(r[i], results[0][i]) == 0);
      CHECK(distance(r[i], eager[i]) < 1e-5);
    }
}

TEST_CASE("what only a band uses takes memory for one block") {
  if (default_device() != cpu) return;  // a GPU has its own threads
  const Tensor x = normal({20000, 8}, Key(4));
  auto step = compile([&](const Tensor& rows) {
    const Tensor wide = tanh(matmul(rows, ones({8, 64}))), wider = tanh(matmul(wide, ones({64, 64})));
    return sum(wider, {1});
  });
  for (int call = 0; call < 3; ++call) step(x);
  CHECK(step.step().held_bytes() < 20000 * 64 * 4 / 4);
}

TEST_CASE("an error in a block ends the step at the user's line, and the next step is right") {
  if (default_device() != cpu) return;  // a GPU has its own threads
  const Tensor table = arange(0, 64, 1);
  const auto f = [&](const Tensor& index, const Tensor& rows) { return exp(rows * 0.1) * unsqueeze(index_select(table, 0, index), 1) + 1; };
  auto step = compile(f);
  const Tensor rows = normal({20000, 16}, Key(5)), good = integers(0, 64, {20000}, Key(6));
  for (int call = 0; call < 3; ++call) step(good, rows);
  REQUIRE(step.step().show(Pass::blocked).find("for blocks of") != std::string::npos);
  const Tensor bad = clone(good);
  copy_(slice_axis(bad, 0, 12345, 12346), full({1}, 64, {.dtype = int64}));
  CHECK(contains(message_of([&] { step(bad, rows); }), "blocks.cpp"));
  CHECK(distance(step(good, rows), f(good, rows)) == 0);
}
