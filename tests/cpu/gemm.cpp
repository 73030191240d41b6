#include "cpu/gemm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "cpu/gemm_tiles.h"
#include "tests/catch.h"
#include "tests/cpu/targets.h"

using namespace scoregrad;
using on_cpu::Matrix;

namespace {

/// A matrix in an array that it does not fill, so that a write beside it is seen; the array of one that is read ends with it.
template <class T>
struct Stored {
  enum Lies { rows, columns, apart };
  std::vector<T> numbers;
  int64_t m, n, row, column;

  Stored(int64_t M, int64_t N, Lies lies, T value = T(0), int64_t more = 0) : m(M), n(N) {
    row = lies == rows ? n + 3 : lies == columns ? 1 : 2 * n + 1;
    column = lies == rows ? 1 : lies == columns ? m + (m > 1 ? 5 : 0) : 2;
    numbers.assign(static_cast<size_t>((m - 1) * row + (n - 1) * column + 6 + more), value);
  }
  Stored& fill_random(unsigned seed) {
    std::mt19937 random(seed);
    for (T& x : numbers) x = static_cast<T>(static_cast<double>(random()) / 4294967296.0 - 0.5);
    return *this;
  }
  T& at(int64_t i, int64_t j) { return numbers[static_cast<size_t>(i * row + j * column + 5)]; }
  Matrix<T> matrix() { return {numbers.data() + 5, row, column}; }
  Matrix<const T> constant() { return {numbers.data() + 5, row, column}; }
};

template <class T>
void multiply(Stored<T>& c, Stored<T>& a, Stored<T>& b) {
  on_cpu::gemm<T>(c.matrix(), a.constant(), b.constant(), c.m, c.n, a.n);
}

/// How many elements are further than 4 k eps (|a| |b|) from the sum in long double, or lie beside the matrix and were written.
template <class T>
int64_t wrong(Stored<T>& c, Stored<T>& a, Stored<T>& b, T untouched) {
  int64_t count = 0;
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t j = 0; j < c.n; ++j) {
      long double sum = 0, size = 0;
      for (int64_t p = 0; p < a.n; ++p) {
        const long double term = static_cast<long double>(a.at(i, p)) * static_cast<long double>(b.at(p, j));
        sum += term, size += std::abs(term);
      }
      const long double bound = 4 * static_cast<long double>(a.n) * std::numeric_limits<T>::epsilon() * size;
      count += !(std::abs(static_cast<long double>(c.at(i, j)) - sum) <= bound);
      c.at(i, j) = untouched;
    }
  return count + std::count_if(c.numbers.begin(), c.numbers.end(), [&](T x) { return x != untouched; });
}

/// Whether our kernels run, and fuse: x x - (x x rounded) is zero unless the product goes into the sum unrounded.
template <class T>
bool fuses() {
  Stored<T> a(16, 2, Stored<T>::rows), b(2, 16, Stored<T>::rows), c(16, 16, Stored<T>::rows);
  const T x = T(1) + std::numeric_limits<T>::epsilon();
  for (int64_t i = 0; i < 16; ++i) a.at(i, 0) = 1, a.at(i, 1) = x, b.at(0, i) = -(x * x), b.at(1, i) = x;
  multiply(c, a, b);
  return on_cpu::gemm_tiles<T>() && c.at(0, 0) != 0;
}

struct Extents {
  int64_t m, n, k;
};
/// One of every kind: few columns, few rows, few terms, long sums of each, and small squares of odd sizes.
constexpr Extents kinds[] = {{70, 130, 3}, {40, 200, 8}, {130, 7, 300}, {66, 2, 128},  {21, 1, 65},  {5, 600, 40},
                             {8, 150, 33}, {1, 300, 20}, {3, 128, 700}, {2, 2, 5000},  {1, 1, 2100}, {7, 8, 4100},
                             {49, 49, 32}, {49, 32, 49}, {64, 64, 128}, {17, 33, 300}, {9, 10, 11},  {64, 10, 64},
                             {200, 3, 2},  {1, 1, 1},    {2, 1000, 1},  {16, 17, 15}};

template <class T>
void check(const Extents& e, int layout) {
  using Lies = typename Stored<T>::Lies;
  const T untouched = T(77);
  Stored<T> a(e.m, e.k, static_cast<Lies>(layout % 3)), b(e.k, e.n, static_cast<Lies>(layout / 3 % 3)),
      c(e.m, e.n, static_cast<Lies>(layout / 9), untouched, 40);
  a.fill_random(1), b.fill_random(2);
  multiply(c, a, b);
  INFO(e.m << " x " << e.n << " over " << e.k << ", layout " << layout);
  REQUIRE(wrong(c, a, b, untouched) == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("thin and small products equal the sums and stay inside their matrix", "", float, double) {
  const int64_t extents[] = {1, 2, 3, 5, 8, 9, 17, 33};
  int turn = 0;
  for (int64_t m : extents)
    for (int64_t n : extents)
      for (int64_t k : extents)
        for (int layout = 0; layout < 9; ++layout) check<TestType>({m, n, k}, layout + 9 * (++turn % 3));
  for (const Extents& e : kinds)
    for (int layout = 0; layout<27; layout += e.m * e.n * e.k> 50000 ? 4 : 1) check<TestType>(e, layout);
}

TEMPLATE_TEST_CASE("in products of few terms k runs in order, in dots over 64 bytes of lanes, fused where the processor fuses", "", float,
                   double) {
  using T = TestType;
  constexpr int64_t lanes = 64 / sizeof(T), block = 16 / sizeof(T);
  testing::for_each_target([&](const char* target) {
    INFO(target);
    if (!fuses<T>()) return;
    Stored<T> a(40, 7, Stored<T>::rows), b(7, 130, Stored<T>::columns), c(40, 130, Stored<T>::rows);
    a.fill_random(3), b.fill_random(4);
    multiply(c, a, b);
    int64_t different = 0;
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        T sum = 0;
        for (int64_t p = 0; p < a.n; ++p) sum = std::fma(a.at(i, p), b.at(p, j), sum);
        different += sum != c.at(i, j);
      }
    CHECK(different == 0);

    Stored<T> rows(50, 150, Stored<T>::rows), columns(150, 3, Stored<T>::columns), dots(50, 3, Stored<T>::rows);
    rows.fill_random(5), columns.fill_random(6);
    multiply(dots, rows, columns);
    for (int64_t i = 0; i < dots.m; ++i)
      for (int64_t j = 0; j < dots.n; ++j) {
        T lane[lanes] = {}, of_block[4];
        for (int64_t p = 0; p < rows.n; ++p) lane[p % lanes] = std::fma(rows.at(i, p), columns.at(p, j), lane[p % lanes]);
        for (int64_t q = 0; q < 4; ++q) {
          const T* l = lane + q * block;
          if constexpr (block == 4)
            of_block[q] = (l[0] + l[2]) + (l[1] + l[3]);
          else
            of_block[q] = l[0] + l[1];
        }
        different += (of_block[0] + of_block[2]) + (of_block[1] + of_block[3]) != dots.at(i, j);
      }
    CHECK(different == 0);
  });
}

TEMPLATE_TEST_CASE("every instruction set that fuses gives the same bits, and none is wrong", "", float, double) {
  using T = TestType;
  using Lies = typename Stored<T>::Lies;
  std::vector<std::vector<T>> first;
  testing::for_each_target([&](const char* target) {
    INFO(target);
    std::vector<std::vector<T>> results;
    int64_t errors = 0;
    int layout = 0;
    for (const Extents& e : kinds) {
      layout = (layout + 5) % 27;
      Stored<T> a(e.m, e.k, static_cast<Lies>(layout % 3)), b(e.k, e.n, static_cast<Lies>(layout / 3 % 3)),
          c(e.m, e.n, static_cast<Lies>(layout / 9), T(77), 40);
      a.fill_random(1), b.fill_random(2);
      multiply(c, a, b);
      results.push_back(c.numbers);
      if (e.m * e.n * e.k < 50000) errors += wrong(c, a, b, T(77));
    }
    CHECK(errors == 0);
    if (!fuses<T>()) return;
    if (first.empty()) first = results;
    for (size_t i = 0; i < results.size(); ++i) {
      INFO(kinds[i].m << " x " << kinds[i].n << " over " << kinds[i].k);
      CHECK(std::memcmp(results[i].data(), first[i].data(), results[i].size() * sizeof(T)) == 0);
    }
  });
}

TEMPLATE_TEST_CASE("0 times infinity is NaN in its row and column and nowhere else", "", float, double) {
  using T = TestType;
  using Lies = typename Stored<T>::Lies;
  for (const Extents& e : kinds)
    for (int layout = 0; layout < 9; layout += 2) {
      Stored<T> a(e.m, e.k, static_cast<Lies>(layout % 3)), b(e.k, e.n, static_cast<Lies>(layout / 3)), c(e.m, e.n, Stored<T>::rows, T(1));
      b.at(e.k - 1, e.n - 1) = std::numeric_limits<T>::infinity();  // a is zero
      b.at(e.k / 2, e.n / 2) = std::numeric_limits<T>::quiet_NaN();
      multiply(c, a, b);
      int64_t misplaced = 0;
      for (int64_t i = 0; i < e.m; ++i)
        for (int64_t j = 0; j < e.n; ++j) misplaced += j == e.n - 1 || j == e.n / 2 ? !std::isnan(c.at(i, j)) : c.at(i, j) != 0;
      INFO(e.m << " x " << e.n << " over " << e.k << ", layout " << layout);
      CHECK(misplaced == 0);
      a.at(e.m - 1, 0) = -std::numeric_limits<T>::infinity();
      Stored<T> zeros(e.k, e.n, Stored<T>::rows);
      multiply(c, a, zeros);
      misplaced = 0;
      for (int64_t i = 0; i < e.m; ++i)
        for (int64_t j = 0; j < e.n; ++j) misplaced += i == e.m - 1 ? !std::isnan(c.at(i, j)) : c.at(i, j) != 0;
      CHECK(misplaced == 0);
    }
}
