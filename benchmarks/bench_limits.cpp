// What this machine can do: memory bandwidth, multiply-adds, matrix products, elementary functions, random numbers. The floors of the cases
// are made of these rates; each line counts its work, so that rate = work / time.
#include <scoregrad.h>

#include <cstdlib>
#include <memory>
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#if SCOREGRAD_HAVE_OPENMP
#include <omp.h>
#endif
#if SCOREGRAD_HAVE_ONEDNN
#include <dnnl.hpp>
#endif
#if SCOREGRAD_HAVE_BLAS
#include <cblas.h>
#endif

#include "benchmarks/cases/stopwatch.h"

// The best instructions of the CPU at hand, as the library too chooses them at run time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define BEST_TARGET __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BEST_TARGET
#endif

namespace sg = scoregrad;

namespace {

struct Release {
  void operator()(float* p) const { std::free(p); }
};
using Array = std::unique_ptr<float[], Release>;

int64_t begin_of(int64_t n, int part, int parts) { return n / 16 * part / parts * 16; }

// Calls f(begin, end) on every thread for its part of [0, n); the same parts each time, so that memory stays near its thread.
template <class F>
void on_all(int threads, int64_t n, const F& f) {
#if SCOREGRAD_HAVE_OPENMP
#pragma omp parallel num_threads(threads)
  f(begin_of(n, omp_get_thread_num(), threads), begin_of(n, omp_get_thread_num() + 1, threads));
#else
  (void)threads;
  f(int64_t{0}, n);
#endif
}

Array array(int threads, int64_t n, float value) {
  Array a(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(n) * sizeof(float))));
  if (!a) throw std::bad_alloc();
  on_all(threads, n, [&](int64_t from, int64_t to) { std::fill(a.get() + from, a.get() + to, value); });
  return a;
}

BEST_TARGET void triad(float* __restrict a, const float* __restrict b, const float* __restrict c, int64_t n) {
  for (int64_t i = 0; i < n; ++i) a[i] = b[i] + 3.0f * c[i];
}
BEST_TARGET void scaled_copy(float* __restrict a, const float* __restrict b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) a[i] = 1.5f * b[i];
}
#if defined(__SSE2__)
// Streaming stores do not read what they overwrite.
void triad_streaming(float* a, const float* b, const float* c, int64_t n) {
  for (int64_t i = 0; i < n; i += 4)
    _mm_stream_ps(a + i, _mm_add_ps(_mm_load_ps(b + i), _mm_mul_ps(_mm_set1_ps(3.0f), _mm_load_ps(c + i))));
  _mm_sfence();
}
void copy_streaming(float* a, const float* b, int64_t n) {
  for (int64_t i = 0; i < n; i += 4) _mm_stream_ps(a + i, _mm_mul_ps(_mm_set1_ps(1.5f), _mm_load_ps(b + i)));
  _mm_sfence();
}
#endif

void bandwidth(const bench::Options& o) {
  for (const int64_t millions : {4, 64}) {
    const int64_t n = millions << 20;
    Array a, b, c;  // made for the first case that is asked for
    const auto time = [&](const std::string& what, int arrays, const std::string& notes, const auto& f) {
      if (!a && bench::asked(o, "limit_" + what + "_" + std::to_string(millions) + "m"))
        a = array(o.threads, n, 0), b = array(o.threads, n, 1), c = array(o.threads, n, 2);
      bench::time_case(o,
                       {.name = "limit_" + what + "_" + std::to_string(millions) + "m",
                        .notes = notes,
                        .unit = "floats",
                        .size = static_cast<double>(n),
                        .work = {.bytes = 4.0 * arrays * static_cast<double>(n)}},
                       [&] { on_all(o.threads, n, f); });
    };
    time("copy", 2, "a = 1.5 b", [&](int64_t from, int64_t to) { scaled_copy(a.get() + from, b.get() + from, to - from); });
    time("triad", 3, "a = b + 3 c", [&](int64_t from, int64_t to) { triad(a.get() + from, b.get() + from, c.get() + from, to - from); });
#if defined(__SSE2__)
    time("copy_streaming", 2, "a = 1.5 b, streaming stores",
         [&](int64_t from, int64_t to) { copy_streaming(a.get() + from, b.get() + from, to - from); });
    time("triad_streaming", 3, "a = b + 3 c, streaming stores",
         [&](int64_t from, int64_t to) { triad_streaming(a.get() + from, b.get() + from, c.get() + from, to - from); });
#endif
  }
}

constexpr int lanes = 16, chains = 12, rounds = 20000;

// Twelve independent chains of multiply-adds in registers.
BEST_TARGET float multiply_adds(float start) {
#if defined(__GNUC__)
  typedef float Lanes __attribute__((vector_size(lanes * sizeof(float))));
  Lanes x[chains];
  for (int c = 0; c < chains; ++c) x[c] = Lanes{} + start * static_cast<float>(c);
  const Lanes m = Lanes{} + 0.999f, k = Lanes{} + 0.001f;
  for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) x[c] = x[c] * m + k;
  Lanes sum = x[0];
  for (int c = 1; c < chains; ++c) sum += x[c];
  return sum[0] + sum[lanes - 1];
#else
  return start;
#endif
}

void arithmetic(const bench::Options& o) {
  bench::time_case(
      o, {.name = "limit_fma", .notes = "multiply-adds in registers", .work = {.flops = 2.0 * lanes * chains * rounds * o.threads}}, [&] {
        on_all(o.threads, o.threads, [&](int64_t, int64_t) {
          volatile float sink = multiply_adds(0.5f);
          (void)sink;
        });
      });
}

// One product by the whole team, as the libraries cut it.
void products(const bench::Options& o) {
  for (const int n : {128, 512, 1024}) {
    const int64_t size = int64_t{n} * n;
    Array a, b, c;
    const auto time = [&](const std::string& by, const auto& f) {
      if (!a && bench::asked(o, "limit_sgemm_" + by + "_" + std::to_string(n)))
        a = array(1, size, 0.5f), b = array(1, size, 0.25f), c = array(1, size, 0);
      bench::time_case(o,
                       {.name = "limit_sgemm_" + by + "_" + std::to_string(n),
                        .notes = "square matrices",
                        .unit = "rows",
                        .size = static_cast<double>(n),
                        .work = {.flops = 2.0 * n * n * n}},
                       f);
    };
#if SCOREGRAD_HAVE_ONEDNN
    time("onednn", [&] { dnnl_sgemm('N', 'N', n, n, n, 1, a.get(), n, b.get(), n, 0, c.get(), n); });
#endif
#if SCOREGRAD_HAVE_BLAS
    time("blas", [&] { cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a.get(), n, b.get(), n, 0, c.get(), n); });
#endif
#if !SCOREGRAD_HAVE_ONEDNN && !SCOREGRAD_HAVE_BLAS
    time("none", [] {});
#endif
  }
}

// Values from this library's own functions, in cache, by one thread: no other on the machine is known to be faster.
void functions(const bench::Options& o) {
  const int64_t n = 16384;
  const sg::Tensor x = sg::uniform({n}, sg::Key(1)) * 2 - 1;
  const double values = static_cast<double>(n) * o.threads;
  const auto time = [&](const std::string& name, const bench::Work& work, const auto& f) {
    bench::time_case(o, {.name = "limit_" + name, .notes = "16384 values a thread, in cache", .work = work}, [&] {
      on_all(o.threads, o.threads, [&](int64_t, int64_t) {
        const sg::NoGrad plain;
        f();
      });
    });
  };
  time("exp", {.functions = values}, [&] { sg::exp(x); });
  time("tanh", {.functions = values}, [&] { sg::tanh(x); });
  time("sigmoid", {.functions = values}, [&] { sg::sigmoid(x); });
  time("normal", {.normals = values}, [&] { sg::normal({n}, sg::Key(2)); });
}

void all(const bench::Options& o) {
  bandwidth(o);
  arithmetic(o);
  products(o);
  functions(o);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  options.peer = "limits";
  const int status = bench::read_options(options, argc, argv, "Measures what the machine can do; one JSON line a limit.", [] {
    bench::Options names;
    names.list = true;
    all(names);
  });
  if (status >= 0) return status;
  sg::set_threads(options.threads);
  all(options);
}
