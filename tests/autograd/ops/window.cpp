// Pooling against plain loops and its tie rule; up-sampling against its definition.
#include "autograd/graph/gradient.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

// Each window of x [n, c, l], places outside given as `beyond`, through f.
template <class F>
std::vector<double> windows(const Tensor& x, int64_t kernel, int64_t stride, int64_t padding, double beyond, F&& f) {
  const std::vector<double> v = x.to_vector<double>();
  const int64_t length = x.extent(2);
  std::vector<double> out;
  for (int64_t row = 0; row < x.extent(0) * x.extent(1); ++row)
    for (int64_t p = 0; p * stride + kernel <= length + 2 * padding; ++p) {
      std::vector<double> window;
      for (int64_t i = p * stride - padding; i < p * stride - padding + kernel; ++i)
        window.push_back(i < 0 || i >= length ? beyond : v[static_cast<size_t>(row * length + i)]);
      out.push_back(f(window));
    }
  return out;
}
double greatest(const std::vector<double>& w) { return *std::max_element(w.begin(), w.end()); }
double average(const std::vector<double>& w) {
  double total = 0;
  for (double v : w) total += v;
  return total / static_cast<double>(w.size());
}

}  // namespace

TEST_CASE("pooling takes the largest element or the mean of each window") {
  const Tensor x = draw({2, 3, 9});
  for (int64_t kernel : {1, 2, 3})
    for (int64_t stride : {1, 2, 3, 4})
      for (int64_t padding : {int64_t{0}, kernel / 2}) {
        CAPTURE(kernel, stride, padding);
        const PoolOptions o{.stride = stride, .padding = padding};
        check_close(max_pool1d(x, kernel, o).to_vector<double>(), windows(x, kernel, stride, padding, -INFINITY, greatest), 0);
        check_close(avg_pool1d(scattered(x), kernel, o).to_vector<double>(), windows(x, kernel, stride, padding, 0, average), 1e-15);
      }
}

TEST_CASE("pooling over two axes is pooling over one after the other") {
  const Tensor x = draw({2, 2, 6, 7});
  const auto lines = [](const Tensor& t) { return reshape(t, {2, -1, t.extent(3)}); };
  const auto columns = [&](const Tensor& t) { return lines(contiguous(transpose(t))); };
  for (const auto& setting : std::vector<std::pair<PerAxis, PoolOptions>>{{{2, 3}, {}},
                                                                          {{3, 2}, {.stride = {1, 2}}},
                                                                          {{3, 3}, {.stride = 2, .padding = 1}},
                                                                          {{2, 2}, {.stride = {3, 1}, .padding = {1, 0}}}}) {
    const PerAxis& kernel = setting.first;
    const PoolOptions& o = setting.second;
    const auto one = [&](const PoolOptions& all, int axis) {
      const auto pick = [&](const PerAxis& v) { return v.rank == 0 ? PerAxis{} : PerAxis(v[v.rank == 1 ? 0 : axis]); };
      return PoolOptions{.stride = pick(all.stride), .padding = pick(all.padding)};
    };
    const auto twice = [&](auto pool) {
      const Tensor wide = pool(lines(x), kernel[1], one(o, 1));
      const Tensor turned = columns(reshape(wide, {2, 2, 6, wide.extent(2)}));
      const Tensor both = pool(turned, kernel[0], one(o, 0));
      return transpose(reshape(both, {2, 2, wide.extent(2), both.extent(2)}));
    };
    check_close(max_pool2d(x, kernel, o), twice([](auto&&... a) { return max_pool1d(a...); }), 0);
    check_close(avg_pool2d(x, kernel, o), twice([](auto&&... a) { return avg_pool1d(a...); }), 1e-15);
  }
}

TEST_CASE("equal elements share the gradient of a maximum, whether windows tile or overlap") {
  Tensor x = from({1, 1, 0, 2, 2, 2}, {1, 1, 6}, {float64});
  x.requires_grad();
  check_close(grad(sum(max_pool1d(x, 3)), x), {0.5, 0.5, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3});
  // windows 11 | 10 | 02 | 22 | 22
  check_close(grad(sum(max_pool1d(x, 2, {.stride = 1})), x), {0.5, 1.5, 0, 1.5, 1, 0.5});
  check_close(grad(sum(max_pool1d(x, 3, {.stride = 3, .padding = 1})), x), {0.5, 0.5, 0, 0.5, 0.5, 0});
}

TEST_CASE("nearest up-sampling repeats elements, and its adjoint sums them") {
  Tensor x = from({1, 2, 3, 4}, {1, 1, 2, 2}, {float64});
  x.requires_grad();
  const Tensor y = upsample(x, {1, 2});
  check_close(y, from({1, 1, 2, 2, 3, 3, 4, 4}, {1, 1, 2, 4}, {float64}), 0);
  check_close(grad(sum(upsample(x, 3)), x), {9, 9, 9, 9});
}

TEST_CASE("linear up-sampling interpolates between centres and is constant beyond the outermost") {
  const Tensor x = from({0, 4, 8}, {1, 1, 3}, {float64});
  check_close(upsample(x, 2, Interpolation::linear), {0, 1, 3, 5, 7, 8}, 1e-15);  // centres at -1/4, 1/4, 3/4, ...
  const Tensor plane = from({0, 4, 8, 12}, {1, 1, 2, 2}, {float64});
  check_close(upsample(plane, 2, Interpolation::linear), {0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12}, 1e-15);
  check_close(upsample(draw({2, 2, 3, 1}), 1, Interpolation::linear), draw({2, 2, 3, 1}), 0);
}

TEST_CASE("windows that do not fit are refused with op and shapes") {
  const Tensor x = zeros({1, 2, 4, 5});
  CHECK(contains(message_of([&] { max_pool2d(x, 5); }), "max_pool2d: a window of [5, 5] does not fit into x [1, 2, 4, 5]"));
  CHECK(contains(message_of([&] { max_pool2d(x, 2, {.padding = 2}); }), "padding [2, 2] is more than half of kernel [2, 2]"));
  CHECK(contains(message_of([&] { avg_pool2d(x, 2, {.stride = 0}); }), "avg_pool2d: stride [0] for 2 spatial axes"));
  CHECK(contains(message_of([&] { avg_pool1d(x, 2); }), "avg_pool1d: floating [n, c, l] wanted for x, float32 [1, 2, 4, 5] came"));
  CHECK(contains(message_of([&] { max_pool2d(x, {}); }), "kernel [] for 2 spatial axes"));
  CHECK(contains(message_of([&] { upsample(x, {2, 2, 2}); }), "upsample: scale [2, 2, 2] for 2 spatial axes"));
  CHECK(contains(message_of([&] { upsample(zeros({2, 2}), 2); }), "wanted for x, float32 [2, 2] came"));
}
