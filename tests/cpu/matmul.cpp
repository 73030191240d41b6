#include <cmath>
#include <limits>

#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

namespace {

/// |out - the reference's product| is at most 4 k eps (|a| |b|), element by element.
template <class T>
void check_product(const View& out, const View& a, const View& b) {
  const auto size_of_elements = [](const View& v) {
    Array<double> size(v.shape);
    for_each_index(v.shape, [&](const Dims& i) { size.at(i) = std::abs(static_cast<double>(Array<T>::at(v, i))); });
    return size;
  };
  const Array<T> want(out.shape);
  const Array<double> left = size_of_elements(a), right = size_of_elements(b), size(out.shape);
  reference_backend().call({}, calls::Matmul{want.view, a, b});
  reference_backend().call({}, calls::Matmul{size.view, left.view, right.view});
  const double eps = 4 * static_cast<double>(a.shape.back(0)) * std::numeric_limits<T>::epsilon();
  int64_t wrong = 0;
  for_each_index(out.shape, [&](const Dims& i) {
    wrong += !(std::abs(static_cast<double>(Array<T>::at(out, i)) - static_cast<double>(want.at(i))) <= eps * size.at(i));
  });
  INFO(to_string(a.shape) << " x " << to_string(b.shape));
  REQUIRE(wrong == 0);
}

}  // namespace

TEST_CASE("a transposed view, a shared right operand and a shared left one multiply like copies of them") {
  const Array<float> x = std::move(Array<float>({4, 6, 5}).fill_random(1)), w = std::move(Array<float>({7, 5}).fill_random(2));
  const View transposed{w.view.data, float32, {4, 5, 7}, {0, 1, 5}};
  Array<float> out({4, 6, 7});
  cpu_backend().call({}, calls::Matmul{out.view, x.view, transposed});
  check_product<float>(out.view, x.view, transposed);
  const View shared{w.view.data, float32, {4, 7, 5}, {0, 5, 1}}, x_transposed{x.view.data, float32, {4, 5, 6}, {30, 1, 5}};
  Array<float> other({4, 7, 6});
  cpu_backend().call({}, calls::Matmul{other.view, shared, x_transposed});
  check_product<float>(other.view, shared, x_transposed);
}

TEST_CASE("an empty inner index gives zeros") {
  Array<float> out = std::move(Array<float>({2, 3}).fill_random(1));
  cpu_backend().call({}, calls::Matmul{out.view, Array<float>({2, 0}).view, Array<float>({0, 3}).view});
  for_each_index(out.view.shape, [&](const Dims& i) { CHECK(same_bits(out.at(i), 0.0f)); });
}

TEMPLATE_TEST_CASE("NaN and infinity are not lost against zeros", "", float, double) {
  for (int64_t n : {2, 20, 100}) {
    Array<TestType> a({n, n}), b({n, n}), out({n, n});
    b.at({0, 0}) = std::numeric_limits<TestType>::quiet_NaN();
    b.at({0, 1}) = std::numeric_limits<TestType>::infinity();
    cpu_backend().call({}, calls::Matmul{out.view, a.view, b.view});
    CHECK(std::isnan(out.at({n - 1, 0})));
    CHECK(std::isnan(out.at({n - 1, 1})));
  }
}

TEMPLATE_TEST_CASE("a large product has the same bits for any number of threads", "", float, double) {
  for (const Shape& mnk : {Shape{300, 200, 250}, Shape{20000, 2, 300}, Shape{70, 64, 9000}, Shape{3, 2000, 2000}}) {
    const Array<TestType> a = std::move(Array<TestType>({mnk[0], mnk[2]}).fill_random(1));
    const Array<TestType> b = std::move(Array<TestType>({mnk[2], mnk[1]}).fill_random(2));
    Array<TestType> first({mnk[0], mnk[1]});
    cpu_backend().call({}, calls::Matmul{first.view, a.view, b.view});
    check_product<TestType>(first.view, a.view, b.view);
    with_threads([&] {
      Array<TestType> again({mnk[0], mnk[1]});
      cpu_backend().call({}, calls::Matmul{again.view, a.view, b.view});
      require_same_bits(first, again);
    });
  }
  const Array<TestType> a = std::move(Array<TestType>({500, 20, 30}).fill_random(1)),
                        b = std::move(Array<TestType>({500, 30, 10}).fill_random(2));
  Array<TestType> first({500, 20, 10});
  cpu_backend().call({}, calls::Matmul{first.view, a.view, b.view});
  with_threads([&] {
    Array<TestType> again({500, 20, 10});
    cpu_backend().call({}, calls::Matmul{again.view, a.view, b.view});
    require_same_bits(first, again);
  });
}

TEMPLATE_TEST_CASE("a row is summed in the same pieces however many rows are beside it", "", float, double) {
  // Whole tiles, so that the libraries are asked for the same products. Few rows are divided over the inner index, many are not.
  for (const Shape& nk : {Shape{64, 2048}, Shape{64, 5000}, Shape{300, 3000}}) {
    const int64_t most = 2048;
    const Array<TestType> a = std::move(Array<TestType>({most, nk[1]}).fill_random(1));
    const Array<TestType> b = std::move(Array<TestType>({nk[1], nk[0]}).fill_random(2));
    Array<TestType> all({most, nk[0]});
    cpu_backend().call({}, calls::Matmul{all.view, a.view, b.view});
    View first = a.view, result = all.view;
    first.shape[0] = result.shape[0] = 3;
    check_product<TestType>(result, first, b.view);
    for (int64_t rows : {256, 512, 1024}) {
      View some = a.view;
      some.shape[0] = rows;
      Array<TestType> out({rows, nk[0]});
      cpu_backend().call({}, calls::Matmul{out.view, some, b.view});
      int64_t other = 0;
      for_each_index(out.view.shape, [&](const Dims& i) { other += !same_bits(out.at(i), all.at(i)); });
      INFO(rows << " rows of " << to_string(nk));
      CHECK(other == 0);
    }
  }
}
