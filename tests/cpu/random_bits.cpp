// The bits of random numbers: one answer for every instruction set, number of threads, offset and cut.
#include <cmath>
#include <cstring>
#include <vector>

#include "autograd/backend/philox.h"
#include "cpu/kernels.h"
#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/cpu/targets.h"
#if SCOREGRAD_HAVE_OPENMP
#include <omp.h>
#endif

using namespace scoregrad;
using scoregrad::testing::for_each_target;

namespace {

constexpr KeyWords key{{0x1234567u, 0xfedcba98u}, nullptr};

template <class T>
std::vector<T> draw(Random kind, int64_t n, uint64_t offset) {
  std::vector<T> out(static_cast<size_t>(n));
  on_cpu::run({}, calls::Draw{kind, {out.data(), DTypeOf<T>::value, {n}, {1}}, key, offset});
  return out;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T>
uint64_t fingerprint(const std::vector<T>& a) {
  std::vector<unsigned char> bytes(a.size() * sizeof(T));
  std::memcpy(bytes.data(), a.data(), bytes.size());
  uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char byte : bytes) h = (h ^ byte) * 0x100000001b3u;
  return h;
}

// The words behind element i: one for float and bits, two, the high one first, for double.
uint64_t word(uint64_t i) { return philox_word(key.words, i); }
uint64_t double_word(uint64_t i) { return word(2 * i) << 32 | word(2 * i + 1); }

}  // namespace

TEST_CASE("uniforms and words are the top bits of the stream's words", "[random_bits]") {
  const uint64_t offset = (uint64_t{1} << 34) - 5;  // the block counter passes 2^32
  for_each_target([&](const char* target) {
    INFO(target);
    const int64_t n = 333;
    const auto u = draw<float>(Random::uniform, n, offset);
    const auto v = draw<double>(Random::uniform, n, offset);
    const auto w = draw<int64_t>(Random::bits, n, offset);
    for (size_t i = 0; i < 333; ++i) {
      REQUIRE(u[i] == std::ldexp(static_cast<float>(word(offset + i) >> 8), -24));
      REQUIRE(v[i] == std::ldexp(static_cast<double>(double_word(offset + i) >> 11), -53));
      REQUIRE(w[i] == static_cast<int64_t>(word(offset + i)));
    }
  });
}

TEST_CASE("normals are Box and Muller's of their words, to rounding", "[random_bits]") {
  const int64_t n = 4001;
  const auto z = draw<float>(Random::normal, n + 1, 0);
  const auto y = draw<double>(Random::normal, n + 1, 0);
  const long double pi = 3.14159265358979323846264338327950288L;
  for (uint64_t j = 0; j < static_cast<uint64_t>(n) / 2; ++j) {
    const auto check = [&](uint64_t a, uint64_t b, int width, int radius_bits, int angle_bits, auto first, auto second) {
      const long double u = (static_cast<long double>(a >> (width - radius_bits)) + 0.5L) * std::ldexp(1.0L, -radius_bits);
      const uint64_t quarter = b >> (width - 2), step = (b >> (width - 2 - angle_bits)) & ((uint64_t{1} << angle_bits) - 1);
      const long double turn =
          static_cast<long double>(quarter) + (static_cast<long double>(step) + 0.5L) * std::ldexp(1.0L, -angle_bits) - 0.5L;
      const long double r = std::sqrt(-2 * std::log(u)), eps = std::numeric_limits<decltype(first)>::epsilon();
      // u itself is rounded, which counts where log u is small.
      const long double allowed = 4 * eps * r + eps / std::max(r, std::sqrt(eps));
      REQUIRE(std::abs(first - r * std::cos(pi / 2 * turn)) <= allowed);
      REQUIRE(std::abs(second - r * std::sin(pi / 2 * turn)) <= allowed);
    };
    check(word(2 * j), word(2 * j + 1), 32, 31, 24, z[2 * j], z[2 * j + 1]);
    check(double_word(2 * j), double_word(2 * j + 1), 64, 52, 52, y[2 * j], y[2 * j + 1]);
  }
}

TEMPLATE_TEST_CASE("numbers have the same bits on every instruction set, for any cut, on any number of threads", "[random_bits]", float,
                   double) {
  const int64_t n = 70003;
  for (Random kind : {Random::uniform, Random::normal}) {
    std::vector<TestType> first;
    for_each_target([&](const char* target) {
      INFO(target);
      const auto all = draw<TestType>(kind, n, 0);
      if (first.empty()) first = all;
      CHECK(same_bits(first, all));
      for (int64_t cut : {1, 2, 3, 7, 4095, 4099, 70000}) {
        auto head = draw<TestType>(kind, cut, 0);
        const auto tail = draw<TestType>(kind, n - cut, static_cast<uint64_t>(cut));
        head.insert(head.end(), tail.begin(), tail.end());
        CHECK(same_bits(first, head));
      }
    });
#if SCOREGRAD_HAVE_OPENMP
    const int before = omp_get_max_threads();
    for (int threads : {1, 2, 3, 8}) {
      omp_set_num_threads(threads);
      CHECK(same_bits(first, draw<TestType>(kind, n, 0)));
    }
    omp_set_num_threads(before);
#endif
  }
}

TEST_CASE("the streams stay what they are from one release, compiler and machine to the next", "[random_bits]") {
  CHECK(fingerprint(draw<float>(Random::uniform, 4096, 0)) == 0x412930a49f5c729cu);
  CHECK(fingerprint(draw<double>(Random::uniform, 4096, 0)) == 0x5aecda491f5b15b2u);
  CHECK(fingerprint(draw<float>(Random::normal, 4096, 0)) == 0x6a829e35aa1c7f7eu);
  CHECK(fingerprint(draw<double>(Random::normal, 4096, 0)) == 0x73950872737d8ae6u);
}
