// Convolutions as a user calls them: extents, adjoints, messages. Values against plain loops: tests/cpu/convolution.cpp.
#include "autograd/graph/gradient.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

double inner(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }

// x[n, c, p s - pad + k d] by index, 0 outside.
double naive(const Tensor& x, const Tensor& w, int64_t n, int64_t o, int64_t p, int64_t stride, int64_t padding, int64_t dilation) {
  const std::vector<double> xs = x.to_vector<double>(), ws = w.to_vector<double>();
  const int64_t channels = x.extent(1), length = x.extent(2), window = w.extent(2);
  double total = 0;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t k = 0; k < window; ++k) {
      const int64_t i = p * stride - padding + k * dilation;
      if (i >= 0 && i < length)
        total += xs[static_cast<size_t>((n * channels + c) * length + i)] * ws[static_cast<size_t>((o * channels + c) * window + k)];
    }
  return total;
}

}  // namespace

TEST_CASE("conv1d is the sum over channels and window, with zeros outside") {
  const Tensor x = draw({2, 3, 7}), w = draw({4, 3, 3}, -1, 1, 1);
  for (int64_t stride : {1, 2, 3})
    for (int64_t padding : {0, 1, 3})
      for (int64_t dilation : {1, 2}) {
        const Tensor y = conv1d(x, w, {.stride = stride, .padding = padding, .dilation = dilation});
        const int64_t length = (7 + 2 * padding - dilation * 2 - 1) / stride + 1;
        REQUIRE(y.shape() == Shape{2, 4, length});
        std::vector<double> want;
        for (int64_t n = 0; n < 2; ++n)
          for (int64_t o = 0; o < 4; ++o)
            for (int64_t p = 0; p < length; ++p) want.push_back(naive(x, w, n, o, p, stride, padding, dilation));
        check_close(y, want, 1e-14);
        check_close(conv1d(scattered(x), scattered(w), {.stride = stride, .padding = padding, .dilation = dilation}), want, 1e-14);
      }
}

TEST_CASE("a window with a single one moves the image, and padding may differ at the two ends") {
  const Tensor x = draw({1, 1, 3, 4});
  const Tensor moved = conv2d(x, from({1, 0, 0}, {1, 1, 1, 3}, {float64}), {.padding = {0, 2}, .padding_after = {0, 0}});
  check_close(moved, pad(slice_axis(x, 3, 0, 2), {{}, {}, {}, {2, 0}}), 0);
  CHECK(conv2d(x, from({1}, {1, 1, 1, 1}, {float64}), {.stride = {2, 3}}).shape() == Shape{1, 1, 2, 2});
}

TEST_CASE("groups are convolutions side by side") {
  const Tensor x = draw({2, 4, 5, 5}), w = draw({6, 2, 3, 3}, -1, 1, 1);
  const Tensors xs = split(x, {2, 2}, 1), ws = split(w, {3, 3}, 0);
  check_close(conv2d(x, w, {.groups = 2}), concat({conv2d(xs[0], ws[0]), conv2d(xs[1], ws[1])}, 1), 1e-14);
}

TEST_CASE("conv_transpose is the adjoint of conv in its x") {
  for (const auto& [stride, padding, dilation, extra] :
       std::vector<std::tuple<int64_t, int64_t, int64_t, int64_t>>{{1, 0, 1, 0}, {2, 1, 1, 1}, {3, 1, 2, 2}, {2, 2, 2, 1}}) {
    const ConvOptions o{.stride = stride, .padding = padding, .dilation = dilation, .groups = 2};
    const Tensor x = draw({2, 4, 3, 4}), w = draw({4, 3, 3, 2}, -1, 1, 1);
    const Tensor y = conv_transpose2d(x, w, o, extra);
    REQUIRE(y.extent(2) == stride * 2 + dilation * 2 + 1 - 2 * padding + extra);
    const Tensor z = draw(y.shape(), -1, 1, 2);
    CHECK(inner(conv2d(z, w, o), x) == Approx(inner(z, y)).epsilon(1e-13));
  }
  const Tensor x = draw({2, 4, 5}), w = draw({4, 1, 3}, -1, 1, 1);
  const Tensor z = draw({2, 1, 11}, -1, 1, 2);
  CHECK(inner(conv1d(z, w, {.stride = 2}), x) == Approx(inner(z, conv_transpose1d(x, w, {.stride = 2}))).epsilon(1e-13));
}

TEST_CASE("a convolution of float32 agrees with float64 to rounding, derivatives included") {
  const Tensor x = draw({3, 8, 12, 12}), w = draw({16, 8, 3, 3}, -1, 1, 1), u = draw({3, 16, 6, 6}, -1, 1, 2);
  const auto all = [&](DType t) {
    const Tensor a = to(x, t).requires_grad(), b = to(w, t).requires_grad();
    const Tensor y = conv2d(a, b, {.stride = 2, .padding = 1});
    Tensors g = grad(sum(y * to(u, t)), {a, b});
    g.push_back(y.detach());
    return g;
  };
  const Tensors single = all(float32), exact = all(float64);
  for (size_t i = 0; i < exact.size(); ++i) check_close(to(single[i], float64), exact[i], 2e-4);
}

TEST_CASE("the third derivative of a convolution exists") {
  // f = sum (x * w)^3 / 6, so along v in w the third derivative is sum (x * v)^3.
  const Tensor x = draw({1, 2, 5}), v = draw({3, 2, 2}, -1, 1, 2);
  Tensor w = draw({3, 2, 2}, -1, 1, 1);
  w.requires_grad();
  const Tensor y = conv1d(x, w);
  Tensor f = sum(y * y * y) / 6;
  for (int order = 0; order < 3; ++order) f = sum(grad(f, w, {.create_graph = true}) * v);
  const Tensor z = conv1d(x, v);
  CHECK(f.item() == Approx(sum(z * z * z).item()).epsilon(1e-12));
}

TEST_CASE("empty batches and single pixels convolve") {
  CHECK(conv2d(zeros({0, 3, 4, 4}), zeros({2, 3, 3, 3})).shape() == Shape{0, 2, 2, 2});
  CHECK(conv2d(ones({1, 1, 1, 1}), full({1, 1, 3, 3}, 2.0), {.padding = 1}).item() == 2);
  CHECK(sum(conv1d(zeros({2, 0, 4}), zeros({3, 0, 2}))).item() == 0);
}

TEST_CASE("what cannot be convolved is refused with op and shapes") {
  const Tensor x = zeros({2, 3, 8, 8}), w = zeros({4, 3, 3, 3});
  const auto message = [&](const Tensor& a, const Tensor& b, const ConvOptions& o = {}) { return message_of([&] { conv2d(a, b, o); }); };
  CHECK(contains(message(x, zeros({4, 2, 3, 3})), "conv2d: x [2, 3, 8, 8] and weight [4, 2, 3, 3]: x has 3 channels and weight takes 2"));
  CHECK(contains(message(x, zeros({4, 3, 3})), "[n, c, h, w] and [o, c, kh, kw] wanted for x and weight"));
  CHECK(contains(message(x, zeros({4, 3, 9, 1})), "the kernel is longer than the padded x"));
  CHECK(contains(message(x, zeros({4, 3, 0, 1})), "the kernel has no elements"));
  CHECK(contains(message(x, w, {.stride = 0}), "stride [0] is out of range"));
  CHECK(contains(message(x, w, {.padding = {1, 1, 1}}), "padding [1, 1, 1] has 3 entries for 2 axes"));
  CHECK(contains(message(x, w, {.padding = -1}), "padding [-1] is out of range"));
  CHECK(contains(message(x, w, {.groups = 3}), "3 groups do not divide 4 outputs"));
  CHECK(contains(message(x, to(w, float64)), "conv2d: x of float32 and weight of float64"));
  CHECK(contains(message_of([&] {
                   conv1d(zeros({2, 3}), zeros({1, 3, 1}));
                 }),
                 "conv1d: [n, c, l] and [o, c, k] wanted for x and weight, [2, 3] and [1, 3, 1] came"));
  CHECK(contains(message_of([&] { conv_transpose2d(x, zeros({3, 2, 2, 2}), {.stride = 2}, 2); }), "output_padding must be less than"));
  CHECK(contains(message_of([&] { conv_transpose2d(x, zeros({4, 2, 2, 2})); }), "x has 3 channels and weight takes 4"));
  CHECK(contains(message_of([&] { conv_transpose1d(zeros({1, 1, 1}), zeros({1, 1, 1}), {.padding = 3}); }), "larger than the result"));
}
