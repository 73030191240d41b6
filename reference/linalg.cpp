// Factorisations by their textbook loops (Golub and Van Loan, Matrix Computations), in double whatever the elements are.
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::on_reference {
namespace {

/// A matrix of its own, row by row.
struct Matrix {
  int64_t rows, columns;
  std::vector<double> numbers;

  Matrix(int64_t m, int64_t n) : rows(m), columns(n), numbers(static_cast<size_t>(m * n)) {}
  /// Matrix e of a batch.
  Matrix(const View& batch, int64_t e) : Matrix(batch.shape.back(1), batch.shape.back(0)) {
    dispatch_floating(batch.dtype, [&]<class T>(T) {
      const T* from = static_cast<const T*>(batch.data) + e * rows * columns;
      std::copy(from, from + rows * columns, numbers.begin());
    });
  }
  double& operator()(int64_t i, int64_t j) { return numbers[static_cast<size_t>(i * columns + j)]; }
};

/// Numbers in row-major order become entry e of a batch of so many.
void store(const View& out, int64_t e, const std::vector<double>& numbers) {
  const auto n = static_cast<int64_t>(numbers.size());
  dispatch_floating(out.dtype, [&]<class T>(T) {
    for (int64_t k = 0; k < n; ++k) static_cast<T*>(out.data)[e * n + k] = static_cast<T>(numbers[static_cast<size_t>(k)]);
  });
}

/// f(e) for every matrix of a batch [.., n, n].
template <class F>
void for_each_matrix(const View& batch, F&& f) {
  int64_t count = 1;
  for (int d = 0; d + 2 < batch.shape.rank; ++d) count *= batch.shape[d];
  for (int64_t e = 0; e < count; ++e) f(e);
}

[[noreturn]] void refuse(Where at, const char* op, int64_t e, const View& a, const std::string& why) {
  Shape batch = a.shape;
  batch.rank -= 2;
  const std::string place = batch.rank == 0 ? "" : fmt::format(" {} of batch {}", e, to_string(batch));
  throw Error(at, fmt::format("{}: matrix{} of shape {} {}", op, place, to_string(a.shape), why));
}

/// a = P L U by partial pivoting: L below the diagonal and U on and above it, in place. order[i] is the row of a that became row i; the
/// result is P's sign. A column without a pivot leaves a zero on the diagonal.
double factor(Matrix& a, std::vector<int64_t>& order) {
  const int64_t n = a.rows;
  double sign = 1;
  order.resize(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    if (pivot != k) {
      sign = -sign;
      std::swap(order[static_cast<size_t>(pivot)], order[static_cast<size_t>(k)]);
      for (int64_t j = 0; j < n; ++j) std::swap(a(pivot, j), a(k, j));
    }
    if (a(k, k) == 0) continue;
    for (int64_t i = k + 1; i < n; ++i) {
      a(i, k) /= a(k, k);
      for (int64_t j = k + 1; j < n; ++j) a(i, j) -= a(i, k) * a(k, j);
    }
  }
  return sign;
}

/// x = t^-1 x by substitution, t(i, j) being a lower or upper triangle; `unit`: its diagonal is 1.
template <class Triangular>
void substitute(Matrix& x, bool lower, bool unit, Triangular t) {
  for (int64_t step = 0; step < x.rows; ++step) {
    const int64_t i = lower ? step : x.rows - 1 - step;
    for (int64_t c = 0; c < x.columns; ++c) {
      for (int64_t j = lower ? 0 : i + 1; j < (lower ? i : x.rows); ++j) x(i, c) -= t(i, j) * x(j, c);
      if (!unit) x(i, c) /= t(i, i);
    }
  }
}

/// a = v diag(its diagonal) v' by Jacobi's rotations, cycling over all pairs until nothing is left beside the diagonal; false if that
/// does not come to pass.
bool diagonalise(Matrix& a, Matrix& v) {
  const int64_t n = a.rows;
  for (int64_t i = 0; i < n; ++i) v(i, i) = 1;
  double norm = 0;  // rotations keep it
  for (const double x : a.numbers) norm = std::hypot(norm, x);
  for (int cycle = 0; cycle < 60; ++cycle) {
    bool done = true;
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        if (std::abs(a(p, q)) <= 0x1p-56 * norm) continue;
        done = false;
        // The smaller root of t^2 + 2 theta t - 1 is the tangent of the angle that makes a(p, q) zero.
        const double theta = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0)), c = 1 / std::hypot(t, 1.0), s = t * c;
        const auto rotate = [&](double& x, double& y) {
          const double old = x;
          x = c * old - s * y, y = s * old + c * y;
        };
        for (int64_t k = 0; k < n; ++k) rotate(a(k, p), a(k, q));
        for (int64_t k = 0; k < n; ++k) rotate(a(p, k), a(q, k)), rotate(v(k, p), v(k, q));
        a(p, q) = a(q, p) = 0;
      }
    if (done) return true;
  }
  return false;
}

}  // namespace

void run(Where at, const calls::Cholesky& c) {
  for_each_matrix(c.in, [&](int64_t e) {
    Matrix a(c.in, e), l(a.rows, a.rows);
    for (int64_t j = 0; j < a.rows; ++j)
      for (int64_t i = j; i < a.rows; ++i) {
        double rest = a(i, j);
        for (int64_t k = 0; k < j; ++k) rest -= l(i, k) * l(j, k);
        if (i == j && !(rest > 0))
          refuse(at, "cholesky", e, c.in, fmt::format("is not positive definite, its leading minor of order {} is not", j + 1));
        l(i, j) = i == j ? std::sqrt(rest) : rest / l(j, j);
      }
    store(c.out, e, l.numbers);
  });
}

void run(Where at, const calls::Solve& c) {
  if (numel(c.out.shape) == 0) return;
  for_each_matrix(c.a, [&](int64_t e) {
    Matrix a(c.a, e), b(c.b, e), x = b;
    std::vector<int64_t> order;
    factor(a, order);
    for (int64_t i = 0; i < a.rows; ++i) {
      if (a(i, i) == 0) refuse(at, "solve", e, c.a, "is singular");
      for (int64_t k = 0; k < b.columns; ++k) x(i, k) = b(order[static_cast<size_t>(i)], k);
    }
    substitute(x, true, true, a);
    substitute(x, false, false, a);
    store(c.out, e, x.numbers);
  });
}

void run(Where at, const calls::TriangularSolve& c) {
  if (numel(c.out.shape) == 0) return;
  for_each_matrix(c.a, [&](int64_t e) {
    Matrix a(c.a, e), x(c.b, e);
    for (int64_t i = 0; i < a.rows; ++i)
      if (a(i, i) == 0) refuse(at, "triangular_solve", e, c.a, "is singular, its diagonal has a zero");
    const bool lower = (c.triangle == Triangle::lower) != c.transposed;
    substitute(x, lower, false, [&](int64_t i, int64_t j) { return c.transposed ? a(j, i) : a(i, j); });
    store(c.out, e, x.numbers);
  });
}

void run(Where, const calls::SlogDet& c) {
  for_each_matrix(c.a, [&](int64_t e) {
    Matrix a(c.a, e);
    std::vector<int64_t> order;
    double sign = factor(a, order), sum = 0;
    for (int64_t i = 0; i < a.rows; ++i) {  // a zero pivot needs no special case: log 0 = -inf
      const double d = a(i, i);
      sum += std::log(std::abs(d));
      sign *= d > 0 ? 1 : d < 0 ? -1 : d;
    }
    store(c.logabs, e, {sum});
    store(c.sign, e, {sign});
  });
}

void run(Where at, const calls::Eigh& c) {
  for_each_matrix(c.in, [&](int64_t e) {
    Matrix a(c.in, e), v(a.rows, a.rows), sorted = v;
    const int64_t n = a.rows;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < i; ++j) a(j, i) = a(i, j);
    const bool finite = std::all_of(a.numbers.begin(), a.numbers.end(), [](double x) { return std::isfinite(x); });
    if (!finite || !diagonalise(a, v))
      refuse(at, "eigh", e, c.in, fmt::format("has no decomposition, {} of its values did not converge (is it finite?)", n));
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return a(i, i) < a(j, j); });
    std::vector<double> values;
    for (int64_t j = 0; j < n; ++j) {
      const int64_t from = order[static_cast<size_t>(j)];
      values.push_back(a(from, from));
      // Of the entries as they are stored the largest in size, the first of equals, is positive.
      const auto stored = [&](int64_t i) { return c.in.dtype == DType::float32 ? static_cast<float>(v(i, from)) : v(i, from); };
      int64_t largest = 0;
      for (int64_t i = 1; i < n; ++i)
        if (std::abs(stored(i)) > std::abs(stored(largest))) largest = i;
      for (int64_t i = 0; i < n; ++i) sorted(i, j) = stored(largest) < 0 ? -v(i, from) : v(i, from);
    }
    store(c.values, e, values);
    store(c.vectors, e, sorted.numbers);
  });
}

}  // namespace scoregrad::on_reference
