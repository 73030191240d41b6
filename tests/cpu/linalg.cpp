#include <cmath>

#include "scoregrad/config.h"
#include "tests/cpu/arrays.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

namespace {

/// a a' + n I for a random a: symmetric and positive definite.
template <class T>
Array<T> positive_definite(const Shape& shape, unsigned seed) {
  Array<T> a = std::move(Array<T>(shape).fill_random(seed)), out(shape);
  const int r = shape.rank;
  for_each_index(shape, [&](const Dims& i) {
    Dims x = i, y = i;
    y[r - 2] = i[r - 1];
    T sum = i[r - 2] == i[r - 1] ? static_cast<T>(shape[r - 1]) : T(0);
    for (int64_t p = 0; p < shape[r - 1]; ++p) {
      x[r - 1] = y[r - 1] = p;
      sum += a.at(x) * a.at(y);
    }
    out.at(i) = sum;
  });
  return out;
}

template <class T>
void require_close(const View& got, const View& expected, double tolerance) {
  double worst = 0;
  for_each_index(got.shape, [&](const Dims& i) {
    const double error = std::abs(static_cast<double>(Array<T>::at(got, i)) - static_cast<double>(Array<T>::at(expected, i)));
    worst = error <= worst ? worst : error;
  });
  REQUIRE(worst <= tolerance);
}

[[maybe_unused]] View transpose_of(View v) {
  std::swap(v.strides.at[v.shape.rank - 1], v.strides.at[v.shape.rank - 2]);
  std::swap(v.shape.at[v.shape.rank - 1], v.shape.at[v.shape.rank - 2]);
  return v;
}

}  // namespace

#if SCOREGRAD_HAVE_LAPACK

TEMPLATE_TEST_CASE("factors multiply back to their matrix, solutions to their right-hand side", "", float, double) {
  const Backend& b = cpu_backend();
  const double eps = std::is_same_v<TestType, float> ? 1e-3 : 1e-11;
  for (const Shape& shape : {Shape{1, 1}, Shape{5, 5}, Shape{40, 40}, Shape{3, 4, 4}, Shape{2, 2, 3, 3}, Shape{0, 3, 3}, Shape{0, 0}}) {
    const Array<TestType> a = positive_definite<TestType>(shape, 1);
    Array<TestType> lower(shape), product(shape);
    b.call(Where::here(), calls::Cholesky{lower.view, a.view});
    b.call({}, calls::Matmul{product.view, lower.view, transpose_of(lower.view)});
    require_close<TestType>(product.view, a.view, eps * 100);
    const int r = shape.rank;
    for_each_index(shape, [&](const Dims& i) {
      if (i[r - 1] > i[r - 2]) REQUIRE(lower.at(i) == 0);
    });
    for (int64_t m : {1, 3, 0}) {
      Shape sides = shape;
      sides[r - 1] = m;
      const Array<TestType> rhs = std::move(Array<TestType>(sides).fill_random(2));
      // A general matrix: one entry off symmetry.
      Array<TestType> general(shape), x(sides), back(sides);
      b.call({}, calls::Copy{general.view, a.view});
      for_each_index(shape, [&](const Dims& i) {
        if (i[r - 2] == 0 && i[r - 1] == shape[r - 1] - 1) general.at(i) += 1;
      });
      b.call(Where::here(), calls::Solve{x.view, general.view, rhs.view});
      b.call({}, calls::Matmul{back.view, general.view, x.view});
      require_close<TestType>(back.view, rhs.view, eps);
      for (bool transposed : {false, true})
        for (Triangle triangle : {Triangle::lower, Triangle::upper}) {
          Array<TestType> half(shape);
          b.call({}, calls::Copy{half.view, triangle == Triangle::lower ? lower.view : transpose_of(lower.view)});
          // What lies in the other triangle must not be read.
          Array<TestType> dirty(shape);
          b.call({}, calls::Copy{dirty.view, half.view});
          for_each_index(shape, [&](const Dims& i) {
            if (triangle == Triangle::lower ? i[r - 1] > i[r - 2] : i[r - 1] < i[r - 2]) dirty.at(i) = 77;
          });
          b.call(Where::here(), calls::TriangularSolve{x.view, dirty.view, rhs.view, triangle, transposed});
          b.call({}, calls::Matmul{back.view, transposed ? transpose_of(half.view) : half.view, x.view});
          require_close<TestType>(back.view, rhs.view, eps);
        }
    }
  }
}

TEST_CASE("log-determinants carry the sign, and singular matrices have -inf and 0") {
  Array<double> a({4, 2, 2});
  const double entries[4][4] = {{2, 0, 0, 3}, {0, 1, 1, 0}, {1, 2, 2, 4}, {-1, 0, 0, 5}};
  for_each_index(a.view.shape, [&](const Dims& i) { a.at(i) = entries[i[0]][2 * i[1] + i[2]]; });
  Array<double> logs({4}), signs({4});
  cpu_backend().call(Where::here(), calls::SlogDet{logs.view, signs.view, a.view});
  CHECK(std::abs(logs.at({0}) - std::log(6.0)) < 1e-15);
  CHECK(signs.at({0}) == 1);
  CHECK(std::abs(logs.at({1})) < 1e-15);
  CHECK(signs.at({1}) == -1);
  CHECK(logs.at({2}) == -INFINITY);
  CHECK(signs.at({2}) == 0);
  CHECK(std::abs(logs.at({3}) - std::log(5.0)) < 1e-15);
  CHECK(signs.at({3}) == -1);
  Array<float> empty({0, 0}), log({}), sign({});
  cpu_backend().call(Where::here(), calls::SlogDet{log.view, sign.view, empty.view});
  CHECK(log.at({}) == 0);
  CHECK(sign.at({}) == 1);
}

TEST_CASE("what has no factor or no solution is an error that names the batch entry") {
  Array<double> a({3, 2, 2}), out({3, 2, 2}), rhs({3, 2, 1}), x({3, 2, 1});
  for_each_index(a.view.shape, [&](const Dims& i) { a.at(i) = i[1] == i[2] ? 1 : 0; });
  a.at({1, 1, 1}) = 0;
  const Where at = Where::here();
  const std::string cholesky = message_of([&] { cpu_backend().call(at, calls::Cholesky{out.view, a.view}); });
  CHECK(cholesky.find("cholesky: matrix 1 of batch [3]") != std::string::npos);
  CHECK(cholesky.find("not positive definite") != std::string::npos);
  CHECK(cholesky.find("linalg.cpp") != std::string::npos);
  CHECK(message_of([&] {
          cpu_backend().call(at, calls::Solve{x.view, a.view, rhs.view});
        }).find("solve: matrix 1 of batch [3]") != std::string::npos);
  CHECK(message_of([&] {
          cpu_backend().call(at, calls::TriangularSolve{x.view, a.view, rhs.view, Triangle::lower, false});
        }).find("triangular_solve: matrix 1 of batch [3]") != std::string::npos);
}

TEST_CASE("a batch with a matrix that is not finite names it, and the largest entry of each eigenvector is positive") {
  Array<double> a = positive_definite<double>({3, 4, 4}, 7), w({3, 4}), v({3, 4, 4});
  cpu_backend().call({}, calls::Eigh{w.view, v.view, a.view});
  for (int64_t e = 0; e < 3; ++e)
    for (int64_t j = 0; j < 4; ++j) {
      double largest = 0, residual = 0;
      for (int64_t i = 0; i < 4; ++i) {
        double product = -w.at({e, j}) * v.at({e, i, j});
        for (int64_t k = 0; k < 4; ++k) product += a.at({e, i, k}) * v.at({e, k, j});
        residual = std::max(residual, std::abs(product));
        if (std::abs(v.at({e, i, j})) > std::abs(largest)) largest = v.at({e, i, j});
      }
      CHECK(largest > 0);
      CHECK(residual < 1e-13 * 20);
    }
  a.at({1, 2, 2}) = INFINITY;
  CHECK(message_of([&] {
          cpu_backend().call({}, calls::Eigh{w.view, v.view, a.view});
        }).find("eigh: matrix 1 of batch [3]") != std::string::npos);
}

TEST_CASE("a large batch factors the same for any number of threads") {
  const Array<float> a = positive_definite<float>({200, 12, 12}, 1);
  Array<float> first({200, 12, 12});
  cpu_backend().call({}, calls::Cholesky{first.view, a.view});
  with_threads([&] {
    Array<float> again({200, 12, 12});
    cpu_backend().call({}, calls::Cholesky{again.view, a.view});
    require_same_bits(first, again);
  });
}

#else

TEST_CASE("without LAPACK factorisations say how to get it") {
  const Array<double> a = positive_definite<double>({2, 2}, 1);
  Array<double> out({2, 2});
  for (const std::string& message : {message_of([&] {
                                       cpu_backend().call({}, calls::Cholesky{out.view, a.view});
                                     }),
                                     message_of([&] {
                                       cpu_backend().call({}, calls::Solve{out.view, a.view, a.view});
                                     }),
                                     message_of([&] {
                                       cpu_backend().call({}, calls::TriangularSolve{out.view, a.view, a.view, Triangle::lower, false});
                                     }),
                                     message_of([&] {
                                       cpu_backend().call({}, calls::SlogDet{out.view, out.view, a.view});
                                     }),
                                     message_of([&] {
                                       cpu_backend().call({}, calls::Eigh{out.view, out.view, a.view});
                                     })})
    CHECK(message.find("built without LAPACK (install liblapacke-dev and reconfigure)") != std::string::npos);
}

#endif
