// Factorisations by LAPACK. A row-major matrix is its own transpose to LAPACK, which reads columns: what follows factors the transposes and
// solves with trans = 'T', so that only right-hand sides have to be turned.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/memory.h"
#include "cpu/threads.h"
#include "scoregrad/config.h"

#if SCOREGRAD_HAVE_LAPACK
#include <lapacke.h>

namespace scoregrad::on_cpu {

namespace {

lapack_int potrf(char uplo, lapack_int n, float* a) { return LAPACKE_spotrf_work(LAPACK_COL_MAJOR, uplo, n, a, n); }
lapack_int potrf(char uplo, lapack_int n, double* a) { return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, uplo, n, a, n); }
lapack_int getrf(lapack_int n, float* a, lapack_int* pivots) { return LAPACKE_sgetrf_work(LAPACK_COL_MAJOR, n, n, a, n, pivots); }
lapack_int getrf(lapack_int n, double* a, lapack_int* pivots) { return LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, n, n, a, n, pivots); }
lapack_int getrs(lapack_int n, lapack_int m, const float* a, const lapack_int* pivots, float* b) {
  return LAPACKE_sgetrs_work(LAPACK_COL_MAJOR, 'T', n, m, a, n, pivots, b, n);
}
lapack_int getrs(lapack_int n, lapack_int m, const double* a, const lapack_int* pivots, double* b) {
  return LAPACKE_dgetrs_work(LAPACK_COL_MAJOR, 'T', n, m, a, n, pivots, b, n);
}
lapack_int trtrs(char uplo, char trans, lapack_int n, lapack_int m, const float* a, float* b) {
  return LAPACKE_strtrs_work(LAPACK_COL_MAJOR, uplo, trans, 'N', n, m, a, n, b, n);
}
lapack_int trtrs(char uplo, char trans, lapack_int n, lapack_int m, const double* a, double* b) {
  return LAPACKE_dtrtrs_work(LAPACK_COL_MAJOR, uplo, trans, 'N', n, m, a, n, b, n);
}
lapack_int syev(lapack_int n, float* a, float* w, float* work, lapack_int size) {
  return LAPACKE_ssyev_work(LAPACK_COL_MAJOR, 'V', 'U', n, a, n, w, work, size);
}
lapack_int syev(lapack_int n, double* a, double* w, double* work, lapack_int size) {
  return LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', n, a, n, w, work, size);
}

/// The batch of [n, n] matrices in `a`.
struct Batch {
  int64_t count = 1;
  lapack_int n;

  Batch(Where at, const char* op, const View& a) : n(static_cast<lapack_int>(a.shape.back(0))) {
    if (a.shape.back(0) > std::numeric_limits<lapack_int>::max())
      throw Error(at, fmt::format("{}: extent {} is beyond LAPACK's integers", op, a.shape.back(0)));
    for (int d = 0; d + 2 < a.shape.rank; ++d) count *= a.shape[d];
    keep_blas_on_one_thread();
  }
  int64_t size() const { return static_cast<int64_t>(n) * n; }
  /// Calls f(i) -> info for each matrix and returns the infos' first non-zero one with its place, or info 0.
  template <class F>
  std::pair<int64_t, lapack_int> each(F&& f) const {
    Scratch<lapack_int> infos(count);
    Failure failure;
    parallel_for(count, static_cast<double>(count) * (200.0 + 0.1 * n * n * n), [&](int64_t i) {
      failure.guard([&] {
        const BlasCall call;
        infos[i] = f(i);
      });
    });
    failure.rethrow();
    for (int64_t i = 0; i < count; ++i)
      if (infos[i] != 0) return {i, infos[i]};
    return {0, 0};
  }
  /// " 3 of batch [2, 2]" or nothing where there is one matrix.
  std::string place(int64_t i, const View& a) const {
    Shape batch;
    for (int d = 0; d + 2 < a.shape.rank; ++d) batch.push_back(a.shape[d]);
    return batch.rank == 0 ? "" : fmt::format(" {} of batch {}", i, to_string(batch));
  }
};

template <class T>
void turn(T* out, const T* in, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) out[j * rows + i] = in[i * columns + j];
}

/// Right-hand sides [n, m] column by column as LAPACK wants them, one batch entry at a time; turned back into the output after.
template <class T, class F>
lapack_int with_turned(T* out, const T* b, T* scratch, int64_t n, int64_t m, F&& f) {
  turn(scratch, b, n, m);
  const lapack_int info = f(scratch);
  turn(out, scratch, m, n);
  return info;
}

}  // namespace

void run(Where at, const calls::Cholesky& c) {
  const View &out = c.out, &in = c.in;
  if (numel(in.shape) == 0) return;
  const Batch batch(at, c.name, in);
  run(at, calls::Copy{out, in});
  dispatch_floating(in.dtype, [&]<class T>(T) {
    const auto [i, info] = batch.each([&](int64_t e) {
      T* a = static_cast<T*>(out.data) + e * batch.size();
      const lapack_int status = potrf('U', batch.n, a);
      for (int64_t r = 0; r < batch.n; ++r) std::fill(a + r * batch.n + r + 1, a + (r + 1) * batch.n, T(0));
      return status;
    });
    if (info != 0)
      throw Error(at, fmt::format("cholesky: matrix{} of shape {} is not positive definite, its leading minor of order {} is not",
                                  batch.place(i, in), to_string(in.shape), info));
  });
}

void run(Where at, const calls::Solve& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  const Batch batch(at, c.name, a);
  const int64_t m = b.shape.back(0), rhs = batch.n * m;
  dispatch_floating(a.dtype, [&]<class T>(T) {
    Scratch<T> factors(batch.count * batch.size()), sides(batch.count * rhs);
    Scratch<lapack_int> pivots(batch.count * batch.n);
    const auto [i, info] = batch.each([&](int64_t e) {
      T* f = factors.data() + e * batch.size();
      lapack_int* p = pivots.data() + e * batch.n;
      std::copy_n(static_cast<const T*>(a.data) + e * batch.size(), batch.size(), f);
      const lapack_int status = getrf(batch.n, f, p);
      if (status != 0) return status;
      return with_turned(static_cast<T*>(out.data) + e * rhs, static_cast<const T*>(b.data) + e * rhs, sides.data() + e * rhs, batch.n, m,
                         [&](T* x) { return getrs(batch.n, static_cast<lapack_int>(m), f, p, x); });
    });
    if (info != 0) throw Error(at, fmt::format("solve: matrix{} of shape {} is singular", batch.place(i, a), to_string(a.shape)));
  });
}

void run(Where at, const calls::TriangularSolve& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  const Batch batch(at, c.name, a);
  const int64_t m = b.shape.back(0), rhs = batch.n * m;
  const char uplo = c.triangle == Triangle::lower ? 'U' : 'L', trans = c.transposed ? 'N' : 'T';
  dispatch_floating(a.dtype, [&]<class T>(T) {
    Scratch<T> sides(batch.count * rhs);
    const auto [i, info] = batch.each([&](int64_t e) {
      const T* matrix = static_cast<const T*>(a.data) + e * batch.size();
      return with_turned(static_cast<T*>(out.data) + e * rhs, static_cast<const T*>(b.data) + e * rhs, sides.data() + e * rhs, batch.n, m,
                         [&](T* x) { return trtrs(uplo, trans, batch.n, static_cast<lapack_int>(m), matrix, x); });
    });
    if (info != 0)
      throw Error(at, fmt::format("triangular_solve: matrix{} of shape {} is singular, its diagonal has a zero", batch.place(i, a),
                                  to_string(a.shape)));
  });
}

void run(Where at, const calls::SlogDet& c) {
  const View &logabs = c.logabs, &sign = c.sign, &a = c.a;
  if (numel(logabs.shape) == 0) return;
  if (a.shape.back(0) == 0) {
    run(at, calls::Fill{logabs, {0, 0}});
    return run(at, calls::Fill{sign, {1, 1}});
  }
  const Batch batch(at, c.name, a);
  dispatch_floating(a.dtype, [&]<class T>(T) {
    Scratch<T> factors(batch.count * batch.size());
    Scratch<lapack_int> pivots(batch.count * batch.n);
    batch.each([&](int64_t e) -> lapack_int {
      T* f = factors.data() + e * batch.size();
      lapack_int* p = pivots.data() + e * batch.n;
      std::copy_n(static_cast<const T*>(a.data) + e * batch.size(), batch.size(), f);
      getrf(batch.n, f, p);
      // A zero pivot needs no special case: log 0 = -inf, and the sign of 0 is 0.
      double sum = 0, s = 1;
      for (lapack_int i = 0; i < batch.n; ++i) {
        const double d = f[static_cast<int64_t>(i) * batch.n + i];
        sum += std::log(std::abs(d));
        s *= (p[i] == i + 1 ? 1 : -1) * (d > 0 ? 1.0 : d < 0 ? -1.0 : d);
      }
      static_cast<T*>(logabs.data)[e] = static_cast<T>(sum);
      static_cast<T*>(sign.data)[e] = static_cast<T>(s);
      return 0;
    });
  });
}

void run(Where at, const calls::Eigh& c) {
  const View &values = c.values, &vectors = c.vectors, &in = c.in;
  if (numel(in.shape) == 0) return;
  const Batch batch(at, c.name, in);
  const int64_t n = batch.n;
  dispatch_floating(in.dtype, [&]<class T>(T) {
    T best = 0;
    syev(batch.n, nullptr, nullptr, &best, -1);  // asks how much room it would like
    const int64_t room = std::max<int64_t>(static_cast<int64_t>(best), 3 * n);
    Scratch<T> turned(batch.count * batch.size()), work(batch.count * room);
    const auto [i, info] = batch.each([&](int64_t e) {
      T* a = turned.data() + e * batch.size();
      std::copy_n(static_cast<const T*>(in.data) + e * batch.size(), batch.size(), a);
      // QR steps on NaN might not end.
      if (std::any_of(a, a + batch.size(), [](T x) { return !std::isfinite(x); })) return batch.n;
      const lapack_int status =
          syev(batch.n, a, static_cast<T*>(values.data) + e * n, work.data() + e * room, static_cast<lapack_int>(room));
      for (T* v = a; v < a + batch.size(); v += n) {
        const T largest = *std::max_element(v, v + n, [](T x, T y) { return std::abs(x) < std::abs(y); });
        if (largest < 0) std::transform(v, v + n, v, [](T x) { return -x; });
      }
      turn(static_cast<T*>(vectors.data) + e * batch.size(), a, n, n);
      return status;
    });
    if (info != 0)
      throw Error(at, fmt::format("eigh: matrix{} of shape {} has no decomposition, {} of its values did not converge (is it finite?)",
                                  batch.place(i, in), to_string(in.shape), info));
  });
}

}  // namespace scoregrad::on_cpu

#else

namespace scoregrad::on_cpu {

namespace {

[[noreturn]] void refuse(Where at, const char* op) {
  throw Error(at, fmt::format("{}: built without LAPACK (install liblapacke-dev and reconfigure)", op));
}

}  // namespace

void run(Where at, const calls::Cholesky& c) { refuse(at, c.name); }
void run(Where at, const calls::Solve& c) { refuse(at, c.name); }
void run(Where at, const calls::TriangularSolve& c) { refuse(at, c.name); }
void run(Where at, const calls::SlogDet& c) { refuse(at, c.name); }
void run(Where at, const calls::Eigh& c) { refuse(at, c.name); }

}  // namespace scoregrad::on_cpu

#endif
