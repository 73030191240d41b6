#include "tests/contract/twin.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "scoregrad/config.h"

namespace scoregrad::contract {

namespace {

constexpr int64_t margin = 9;  // elements before and behind, odd so that what lies in front is not always aligned

// Distance in units in the last place: bit patterns as ordered integers.
int64_t ordered(float x) {
  int32_t i;
  std::memcpy(&i, &x, sizeof i);
  return i < 0 ? int64_t{std::numeric_limits<int32_t>::min()} - i : i;
}
int64_t ordered(double x) {
  int64_t i;
  std::memcpy(&i, &x, sizeof i);
  return i < 0 ? std::numeric_limits<int64_t>::min() - i : i;
}
template <class T>
bool agree(T a, T b, int64_t ulps, double scale) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (ulps > 0 && scale > 0 && std::abs(a - b) <= static_cast<double>(ulps) * scale * std::numeric_limits<T>::epsilon()) return true;
    if (ulps > 0 && std::signbit(a) == std::signbit(b)) return std::abs(ordered(a) - ordered(b)) <= ulps;
  }
  return std::memcmp(&a, &b, sizeof a) == 0;
}

template <class T>
T drawn(Dice& dice, Range range) {
  using limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return dice.chance(0.5);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    if (range.specials && dice.chance(0.2))
      return dice.of<T>({0, 1, -1, limits::max(), limits::min(), int64_t{1} << 53, (int64_t{1} << 53) + 1, int64_t{1} << 31, 16777217});
    return static_cast<T>(std::floor(dice.real(range.lo, range.hi)));
  } else {
    if (range.specials && dice.chance(0.2))
      return dice.of<T>({T(0), -T(0), limits::infinity(), -limits::infinity(), limits::quiet_NaN(), limits::denorm_min(),
                         -limits::denorm_min(), limits::min(), limits::max(), -limits::max(), T(1), T(-1), T(0.5), T(1.5), T(2.5), T(-0.5),
                         T(1e10), T(9223372036854775808.0), T(-9223372036854775808.0)});
    return static_cast<T>(dice.real(range.lo, range.hi));
  }
}

Strides random_strides(Dice& dice, const Shape& shape, Layout layout) {
  if (layout == Layout::contiguous || dice.chance(0.35)) return contiguous_strides(shape);
  int order[max_rank];
  for (int i = 0; i < shape.rank; ++i) order[i] = shape.rank - 1 - i;  // innermost first
  if (dice.chance(0.6))
    for (int i = shape.rank - 1; i > 0; --i) std::swap(order[i], order[dice.below(i + 1)]);
  const bool gaps = dice.chance(0.4), backwards = dice.chance(0.3), repeats = layout == Layout::repeats && dice.chance(0.6);
  Strides out = shape;
  int64_t step = 1;
  for (int i = 0; i < shape.rank; ++i) {
    const int d = order[i];
    if (gaps) step += dice.below(3);
    out[d] = step;
    if (repeats && dice.chance(0.5)) {
      out[d] = 0;
      continue;
    }
    if (backwards && dice.chance(0.5)) out[d] = -step;
    step *= std::max<int64_t>(shape[d], 1);
  }
  return out;
}

}  // namespace

const Backend* device() {
  static const Backend* const found = []() -> const Backend* {
    try {
      return &backend(default_device());
    } catch (const Error& e) {
      fmt::print("skipped: no device {} ({})\n", name_of(default_device()), e.what());
      return nullptr;
    }
  }();
  return found;
}

int trials(int n) {
  const char* times = std::getenv("SCOREGRAD_TRIALS");
  return times ? std::max(1, static_cast<int>(n * std::atof(times))) : n;
}

bool fuses() {
  if (default_device() != cpu) return true;
#if !SCOREGRAD_HAVE_HIGHWAY
  return false;
#elif defined(__x86_64__)
  return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
#else
  return true;
#endif
}

Shape random_shape(Dice& dice, int least_rank, int most_rank, int64_t elements) {
  Shape out;
  out.rank = static_cast<int>(least_rank + dice.below(most_rank - least_rank + 1));
  int64_t room = elements;
  for (int i = 0; i < out.rank; ++i) out[i] = 1;
  for (int n = 0; n < out.rank; ++n) {
    const int64_t d = dice.below(out.rank);
    if (out[static_cast<int>(d)] != 1) continue;
    const int64_t e = dice.of<int64_t>({1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 32, 33, 64, 100, 128, 257, 1000, 4099});
    out[static_cast<int>(d)] = std::min(e, std::max<int64_t>(room, 1));
    room /= out[static_cast<int>(d)];
  }
  if (out.rank > 0 && dice.chance(0.04)) out[static_cast<int>(dice.below(out.rank))] = 0;
  return out;
}

Twin::Twin(Dice& dice, DType dtype, const Shape& shape, Layout layout, Range range) {
  here_ = {nullptr, dtype, shape, random_strides(dice, shape, layout)};
  int64_t low = 0, high = 0;
  for (int d = 0; d < shape.rank; ++d) {
    const int64_t reach = (shape[d] - 1) * here_.strides[d];
    (reach < 0 ? low : high) += numel(shape) > 0 ? reach : 0;
  }
  const int64_t skew = dice.chance(0.5) ? 7 : dice.below(4), count = high - low + 1 + 2 * margin + skew;
  origin_ = margin - low + skew;  // margin + 7 elements are a multiple of 16 bytes
  bytes_ = static_cast<size_t>(count) * size_of(dtype);
  store_.resize(bytes_ / sizeof(double) + 1);
  dispatch(dtype, [&]<class T>(T) {
    T* x = reinterpret_cast<T*>(store_.data());
    for (int64_t i = 0; i < count; ++i) x[i] = drawn<T>(dice, range);
    here_.data = x + origin_;
  });
  remote_ = device()->allocate(Where::here(), bytes_);
  there_ = here_;
  there_.data = static_cast<char*>(remote_) + origin_ * static_cast<int64_t>(size_of(dtype));
  upload();
}

Twin::Twin(Twin&& other) noexcept
    : store_(std::move(other.store_)),
      bytes_(other.bytes_),
      origin_(other.origin_),
      remote_(std::exchange(other.remote_, nullptr)),
      here_(other.here_),
      there_(other.there_) {}

Twin::~Twin() {
  if (remote_) device()->release(remote_, bytes_);
}

void Twin::upload() { device()->call({}, calls::Upload{calls::bytes_at(remote_, bytes_), {store_.data(), bytes_}}); }

bool Twin::distinct() const {
  for (int d = 0; d < here_.shape.rank; ++d)
    if (here_.strides[d] == 0 && here_.shape[d] > 1) return false;
  return true;
}

int64_t Twin::flat(const Dims& i) const {
  int64_t offset = 0;
  for (int d = 0; d < i.rank; ++d) offset += i[d] * here_.strides[d];
  return offset;
}

double Twin::at(const Dims& i) const {
  return dispatch(dtype(), [&]<class T>(T) { return static_cast<double>(static_cast<const T*>(here_.data)[flat(i)]); });
}

void Twin::set(const Dims& i, double value) {
  dispatch(dtype(), [&]<class T>(T) { static_cast<T*>(here_.data)[flat(i)] = static_cast<T>(value); });
}

void Twin::set(const Dims& i, int64_t value) {
  dispatch(dtype(), [&]<class T>(T) { static_cast<T*>(here_.data)[flat(i)] = static_cast<T>(value); });
}

std::string Twin::text_of(const unsigned char* element) const {
  std::string bits;
  for (size_t i = size_of(dtype()); i-- > 0;) bits += fmt::format("{:02x}", element[i]);
  return dispatch(dtype(), [&]<class T>(T) {
    if constexpr (std::is_same_v<T, bool>) {
      return bits;
    } else {
      T x;
      std::memcpy(&x, element, sizeof x);
      return fmt::format("{} ({})", x, bits);
    }
  });
}

std::string Twin::difference(int64_t ulps, double scale) const {
  std::vector<double> fetched(store_.size());
  device()->call({}, calls::Download{{fetched.data(), bytes_}, calls::bytes_at(remote_, bytes_)});
  const auto *ours = reinterpret_cast<const unsigned char*>(store_.data()),
             *theirs = reinterpret_cast<const unsigned char*>(fetched.data());
  const size_t size = size_of(dtype());
  std::vector<bool> inside(bytes_ / size);
  std::string first;
  int64_t wrong = 0, total = 0;
  for_each_index(shape(), [&](const Dims& i) {
    const size_t k = static_cast<size_t>(origin_ + flat(i));
    inside[k] = true;
    ++total;
    const bool same = dispatch(dtype(), [&]<class T>(T) {
      using Bits = std::conditional_t<std::is_same_v<T, bool>, unsigned char, T>;
      Bits a, b;
      std::memcpy(&a, ours + k * size, size);
      std::memcpy(&b, theirs + k * size, size);
      return agree(a, b, ulps, scale);
    });
    if (same) return;
    if (++wrong == 1)
      first =
          fmt::format("at {} the reference has {} and the device {}", to_string(i), text_of(ours + k * size), text_of(theirs + k * size));
  });
  const std::string what = fmt::format("{} {} strides {}", name_of(dtype()), to_string(shape()), to_string(here_.strides));
  if (wrong > 0) return fmt::format("{}: {} of {} differ, first {}", what, wrong, total, first);
  for (size_t k = 0; k < inside.size(); ++k)
    if (!inside[k] && std::memcmp(ours + k * size, theirs + k * size, size) != 0)
      return fmt::format("{}: written outside of the view, {} elements from its first", what, static_cast<int64_t>(k) - origin_);
  return "";
}

std::vector<double> Twin::downloaded() const {
  std::vector<double> fetched(store_.size()), out;
  device()->call({}, calls::Download{{fetched.data(), bytes_}, calls::bytes_at(remote_, bytes_)});
  dispatch(dtype(), [&]<class T>(T) {
    const T* x = reinterpret_cast<const T*>(fetched.data()) + origin_;
    for_each_index(shape(), [&](const Dims& i) { out.push_back(static_cast<double>(x[flat(i)])); });
  });
  return out;
}

}  // namespace scoregrad::contract

TEST_CASE("one bit that differs is found, inside a view and around it") {
  using namespace scoregrad;
  using namespace scoregrad::contract;
  if (!device()) return;
  Dice dice(1);
  for (DType type : {float32, float64, int64, boolean}) {
    const Twin x(dice, type, {4, 5}, Layout::contiguous);
    CHECK(x.difference() == "");
    const size_t size = size_of(type);
    for (int64_t element : {-1, 0, 19, 20}) {
      unsigned char* at = static_cast<unsigned char*>(x.on(Side::reference).data) + element * static_cast<int64_t>(size);
      *at ^= 1;
      const bool inside = element >= 0 && element < 20;
      CHECK(x.difference().find(inside ? "1 of 20 differ" : "outside of the view") != std::string::npos);
      CHECK((x.difference(1) == "") == (inside && is_floating(type)));
      *at ^= 1;
    }
  }
}
