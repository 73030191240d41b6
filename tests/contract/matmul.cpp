// Matrix products: the one place besides the factorisations where a library decides the order of additions, so that bounds stand for bits.
#include <cmath>

#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

/// |reference - device| <= (k + 2) eps sum_p |a_ip| |b_pj|: a device may round each product and each sum.
void check(Dice& dice, DType type, const Shape& batch, int64_t m, int64_t k, int64_t n, Layout layout) {
  const Twin a(dice, type, joined(batch, m, k), layout), b(dice, type, joined(batch, k, n), layout);
  const Twin out(dice, type, joined(batch, m, n), layout == Layout::contiguous ? layout : Layout::any);
  on_both([&](const Backend& on, Side side) { on.call({}, calls::Matmul{out.on(side), a.on(side), b.on(side)}); });
  INFO(name_of(type) << " batch " << to_string(batch) << ": " << m << " " << k << " " << n << ", strides "
                     << to_string(a.on(Side::reference).strides) << " x " << to_string(b.on(Side::reference).strides) << " to "
                     << to_string(out.on(Side::reference).strides));
  if (type == DType::int64) {
    REQUIRE(out.difference() == "");
    return;
  }
  const std::vector<double> got = out.downloaded();
  const double eps = type == DType::float32 ? 0x1p-23 : 0x1p-52;
  const int r = batch.rank;
  size_t next = 0;
  int64_t wrong = 0;
  for_each_index(out.shape(), [&](const Dims& i) {
    double bound = 0;
    Dims left = i, right = i;
    for (int64_t p = 0; p < k; ++p) {
      left[r + 1] = right[r] = p;
      bound += std::abs(a.at(left) * b.at(right));
    }
    wrong += !(std::abs(got[next++] - out.at(i)) <= static_cast<double>(k + 2) * eps * bound);
  });
  REQUIRE(wrong == 0);
}

}  // namespace

TEST_CASE("matrix products of every layout and batch agree with the reference's to rounding") {
  if (!device()) return;
  Dice dice(51);
  for (DType type : {float32, float64, int64}) {
    for (int n = trials(40); n > 0; --n) {
      const auto extent = [&] { return dice.of<int64_t>({1, 1, 2, 3, 5, 8, 17, 33}); };
      check(dice, type, random_shape(dice, 0, 3, 12), extent(), extent(), extent(), Layout::repeats);
    }
    check(dice, type, {}, 100, 130, 70, Layout::contiguous);
    check(dice, type, {3, 2}, 20, 64, 33, Layout::contiguous);
    for (int n = trials(8); n > 0; --n) {
      check(dice, type, {}, 70, 90, 40, Layout::repeats);
      check(dice, type, {2}, 33, 70, 65, Layout::any);
    }
    for (const auto& [m, k, n] : {std::array<int64_t, 3>{4, 0, 5}, {0, 3, 4}, {4, 3, 0}, {1, 1, 1}, {1, 300, 1}, {64, 1, 64}, {1, 7, 90}})
      check(dice, type, {}, m, k, n, Layout::any);
  }
}

TEST_CASE("float32 products keep all 24 bits") {
  if (!device()) return;
  // 1 + 2^-20 is rounded to 1 by TF32 and by bf16.
  Dice dice(52);
  Twin a(dice, float32, {32, 32}, Layout::contiguous), b(dice, float32, {32, 32}, Layout::contiguous), out(dice, float32, {32, 32});
  for_each_index(a.shape(), [&](const Dims& i) {
    a.set(i, i[0] == i[1] ? 1 + 0x1p-20 : 0.0);
    b.set(i, i[0] == i[1] ? 1.0 : 0.0);
  });
  a.upload();
  b.upload();
  on_both([&](const Backend& on, Side side) { on.call({}, calls::Matmul{out.on(side), a.on(side), b.on(side)}); });
  CHECK(out.difference() == "");
}

TEST_CASE("bool matrices are refused as on the reference") {
  if (!device()) return;
  Dice dice(53);
  const Twin a(dice, boolean, {2, 2}), out(dice, boolean, {2, 2});
  const auto [ours, theirs] = messages([&](const Backend& b, Side side) {
    b.call({}, calls::Matmul{out.on(side), a.on(side), a.on(side)});
  });
  CHECK(!ours.empty());
  CHECK(ours == theirs);
}
