// The contract's own test: every call, made by the reference and by the default device (SCOREGRAD_DEVICE) with the same numbers in random
// shapes and layouts, must leave the same bits behind, between the elements of a strided output and around it too. Where a library decides
// the order of additions a stated bound stands for bits. Nothing here knows how a device is programmed. SCOREGRAD_TRIALS=10 draws ten times
// as many cases.
#pragma once
#include <fmt/format.h>

#include <random>
#include <vector>

#include "autograd/backend/machine.h"
#include "tests/catch.h"
#include "tests/each_index.h"

namespace scoregrad::contract {

/// The table of the device under test; null, and a line that says so, where the device is missing.
const Backend* device();
/// n, or a multiple of it that the environment asks for.
int trials(int n);
/// Whether the device under test fuses multiply-adds where the scalar functions say fma, as the reference does: exp and its kin then agree
/// to the last bit.
bool fuses();

class Dice {
 public:
  explicit Dice(uint64_t seed) : source_(seed) {}
  /// 0 .. n - 1
  int64_t below(int64_t n) { return static_cast<int64_t>(source_() % static_cast<uint64_t>(n)); }
  double real(double lo, double hi) { return lo + (hi - lo) * (static_cast<double>(source_() >> 11) * 0x1p-53); }
  bool chance(double p) { return real(0, 1) < p; }
  template <class T>
  T of(std::initializer_list<T> choices) {
    return choices.begin()[below(static_cast<int64_t>(choices.size()))];
  }
  uint64_t word() { return source_(); }

 private:
  std::mt19937_64 source_;
};

/// A random shape of at most `elements` elements, small and odd extents, ones and now and then a zero.
Shape random_shape(Dice& dice, int least_rank, int most_rank, int64_t elements);

/// `repeats` may have strides of 0 and is for inputs.
enum class Layout { contiguous, any, repeats };
enum class Side { reference, device };

/// What numbers are drawn: reals of [lo, hi), integers of that range, and with `specials` one in five a zero, infinity, NaN, denormal,
/// extreme or half.
struct Range {
  double lo = -3, hi = 3;
  bool specials = false;
};

/// One array in two places.
class Twin {
 public:
  Twin(Dice& dice, DType dtype, const Shape& shape, Layout layout = Layout::any, Range range = {});
  Twin(Twin&& other) noexcept;
  Twin(const Twin&) = delete;
  Twin& operator=(Twin&&) = delete;
  ~Twin();

  DType dtype() const { return here_.dtype; }
  const Shape& shape() const { return here_.shape; }
  const View& on(Side side) const { return side == Side::reference ? here_ : there_; }
  Access access(Side side) const { return {on(side).data, here_.dtype, here_.strides}; }
  /// Whether no two positions share an element.
  bool distinct() const;
  /// The element at a position as the reference has it, numbers and bools as double.
  double at(const Dims& i) const;
  /// Overwrites the reference's element; upload() follows.
  void set(const Dims& i, double value);
  void set(const Dims& i, int64_t value);
  void upload();
  /// Fetches the device's bytes and says where they differ: "" if every element of the view is within `ulps` units in the last place, of
  /// itself or of `scale` where that is larger, or both are NaN, and everything around it is untouched.
  std::string difference(int64_t ulps = 0, double scale = 0) const;
  /// The device's elements, row-major.
  std::vector<double> downloaded() const;

 private:
  int64_t flat(const Dims& i) const;
  std::string text_of(const unsigned char* element) const;

  std::vector<double> store_;  // the reference's bytes, margins included
  size_t bytes_ = 0;
  int64_t origin_ = 0;  // element of store_ at which position 0 lies
  void* remote_ = nullptr;
  View here_, there_;
};

/// f(backend, side) on the reference, then on the device.
template <class F>
void on_both(F&& f) {
  f(reference_backend(), Side::reference);
  f(*device(), Side::device);
}

/// The messages of the errors that f throws on either side, "" where it throws none.
template <class F>
std::pair<std::string, std::string> messages(F&& f) {
  std::pair<std::string, std::string> out;
  const auto call = [&](const Backend& b, Side side) -> std::string {
    try {
      f(b, side);
      b.synchronise();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  out.first = call(reference_backend(), Side::reference);
  out.second = call(*device(), Side::device);
  return out;
}

/// The shape of matrices in a batch.
inline Shape joined(const Shape& batch, int64_t rows, int64_t columns) {
  Shape out = batch;
  out.push_back(rows);
  out.push_back(columns);
  return out;
}

}  // namespace scoregrad::contract
