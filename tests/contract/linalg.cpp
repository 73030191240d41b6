// Factorisations, batched, and their errors.
#include <cmath>

#include "scoregrad/config.h"
#include "tests/contract/twin.h"

#if SCOREGRAD_HAVE_LAPACK

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

/// Diagonally dominant, so that a solution loses few digits; `symmetric` makes it positive definite.
Twin well_conditioned(Dice& dice, DType type, const Shape& batch, int64_t n, bool symmetric) {
  Twin a(dice, type, joined(batch, n, n), Layout::contiguous, {-1, 1, false});
  const int r = batch.rank;
  for_each_index(a.shape(), [&](const Dims& i) {
    Dims other = i;
    std::swap(other[r], other[r + 1]);
    if (i[r] == i[r + 1]) a.set(i, static_cast<double>(n) + 1);
    if (symmetric && i[r] > i[r + 1]) a.set(i, a.at(other));
  });
  a.upload();
  return a;
}

void require_close(const Twin& out, int64_t n) {
  const std::vector<double> got = out.downloaded();
  const double eps = out.dtype() == DType::float32 ? 0x1p-23 : 0x1p-52;
  size_t next = 0;
  double worst = 0;
  for_each_index(out.shape(), [&](const Dims& i) {
    const double error = std::abs(got[next++] - out.at(i)) / (1 + std::abs(out.at(i)));
    worst = error <= worst ? worst : error;
  });
  INFO(name_of(out.dtype()) << " " << to_string(out.shape()));
  REQUIRE(worst <= 20 * static_cast<double>(n + 1) * eps);
}

}  // namespace

TEST_CASE("factorisations agree with the reference's to rounding") {
  if (!device()) return;
  Dice dice(61);
  for (DType type : {float32, float64})
    for (const Shape& batch : {Shape{}, Shape{3}, Shape{2, 2}, Shape{0}})
      for (int64_t n : {0, 1, 2, 5, 32, 33}) {
        const Where at = Where::here();
        const Twin spd = well_conditioned(dice, type, batch, n, true), a = well_conditioned(dice, type, batch, n, false);
        const Twin lower(dice, type, spd.shape(), Layout::contiguous), logs(dice, type, batch, Layout::contiguous),
            signs(dice, type, batch, Layout::contiguous);
        on_both([&](const Backend& b, Side side) {
          b.call(at, calls::Cholesky{lower.on(side), spd.on(side)});
          b.call(at, calls::SlogDet{logs.on(side), signs.on(side), a.on(side)});
        });
        require_close(lower, n);
        require_close(logs, n);
        REQUIRE(signs.difference() == "");
        for (int64_t m : {1, 3, 0}) {
          const Twin sides(dice, type, joined(batch, n, m), Layout::contiguous), x(dice, type, joined(batch, n, m), Layout::contiguous);
          on_both([&](const Backend& b, Side side) { b.call(at, calls::Solve{x.on(side), a.on(side), sides.on(side)}); });
          require_close(x, n);
          for (Triangle triangle : {Triangle::lower, Triangle::upper})
            for (bool transposed : {false, true}) {
              const Twin y(dice, type, sides.shape(), Layout::contiguous);
              on_both([&](const Backend& b, Side side) {
                b.call(at, calls::TriangularSolve{y.on(side), a.on(side), sides.on(side), triangle, transposed});
              });
              INFO((triangle == Triangle::lower ? "lower" : "upper") << (transposed ? " transposed" : ""));
              require_close(y, n);
            }
        }
      }
}

TEST_CASE("symmetric eigenvalues and vectors agree with the reference's to rounding, signs included") {
  if (!device()) return;
  Dice dice(63);
  for (DType type : {float32, float64})
    for (const Shape& batch : {Shape{}, Shape{5}, Shape{2, 2}, Shape{0}})
      for (int64_t n : {0, 1, 2, 5, 20, 40}) {
        // Eigenvalues near 1, 2, 3, ... n, so that the vectors are well determined; what lies above the diagonal is not read.
        Twin a(dice, type, joined(batch, n, n), Layout::contiguous, {-0.05, 0.05, false});
        const int r = batch.rank;
        for_each_index(a.shape(), [&](const Dims& i) {
          if (i[r] == i[r + 1]) a.set(i, a.at(i) + static_cast<double>((i[r] * 7 + 3) % n));
          if (i[r] < i[r + 1]) a.set(i, 1e30);
        });
        a.upload();
        Shape lines = batch;
        lines.push_back(n);
        const Twin values(dice, type, lines, Layout::contiguous), vectors(dice, type, a.shape(), Layout::contiguous);
        on_both([&](const Backend& b, Side side) { b.call(Where::here(), calls::Eigh{values.on(side), vectors.on(side), a.on(side)}); });
        require_close(values, 10 * n);
        require_close(vectors, 10 * n);
      }
  Twin bad(dice, float64, {2, 3, 3}, Layout::contiguous);
  bad.set({1, 2, 0}, double(NAN));
  bad.upload();
  const Twin values(dice, float64, {2, 3}, Layout::contiguous), vectors(dice, float64, {2, 3, 3}, Layout::contiguous);
  const Where at = Where::here();
  const auto [ours, theirs] = messages([&](const Backend& b, Side side) {
    b.call(at, calls::Eigh{values.on(side), vectors.on(side), bad.on(side)});
  });
  CHECK(!ours.empty());
  CHECK(theirs.find("eigh: matrix 1 of batch [2]") != std::string::npos);
}

TEST_CASE("a matrix that cannot be factored is the reference's error, with the batch entry") {
  if (!device()) return;
  Dice dice(62);
  for (DType type : {float32, float64})
    for (const auto& [batch, n] : {std::pair<Shape, int64_t>{{}, 4}, {{2, 2}, 4}, {{2, 2}, 40}, {{}, 40}}) {
      Twin a = well_conditioned(dice, type, batch, n, true);
      const int r = batch.rank;
      const int64_t zero = n - 2;
      for_each_index(a.shape(), [&](const Dims& i) {
        if (r == 2 && !(i[0] == 1 && i[1] == 0)) return;
        if (i[r] == zero || i[r + 1] == zero) a.set(i, 0.0);  // singular, and its minor of that order is not positive
      });
      a.upload();
      const Twin sides(dice, type, joined(batch, n, 2), Layout::contiguous), out(dice, type, a.shape(), Layout::contiguous),
          x(dice, type, sides.shape(), Layout::contiguous), logs(dice, type, batch, Layout::contiguous),
          signs(dice, type, batch, Layout::contiguous);
      const Where at = Where::here();
      const auto check = [&](auto&& call) {
        const auto [ours, theirs] = messages(call);
        CHECK(!ours.empty());
        CHECK(ours == theirs);
      };
      check([&](const Backend& b, Side side) { b.call(at, calls::Cholesky{out.on(side), a.on(side)}); });
      check([&](const Backend& b, Side side) { b.call(at, calls::Solve{x.on(side), a.on(side), sides.on(side)}); });
      check([&](const Backend& b, Side side) {
        b.call(at, calls::TriangularSolve{x.on(side), a.on(side), sides.on(side), Triangle::lower, false});
      });
      on_both([&](const Backend& b, Side side) { b.call(at, calls::SlogDet{logs.on(side), signs.on(side), a.on(side)}); });
      Dims bad = batch;
      if (r == 2) bad = {1, 0};
      CHECK(logs.at(bad) == -HUGE_VAL);
      CHECK(signs.difference() == "");
      require_close(signs, n);
    }
}

#endif
