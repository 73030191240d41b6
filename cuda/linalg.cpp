// Factorisations by cuSOLVER and, for batches of small matrices, cuBLAS. Both read columns, to which a row-major matrix is its own
// transpose: what follows factors the transposes and solves with 'T', so that only right-hand sides of general systems have to be turned.
#include <fmt/format.h>

#include <limits>
#include <type_traits>
#include <vector>

#include "cuda/blas.h"
#include "cuda/graph.h"
#include "cuda/kernels.h"
#include "cuda/matrix_kernels.h"
#include "cuda/memory.h"

namespace scoregrad::on_cuda {

namespace {

/// The functions of one element type, under one name each.
template <class T>
struct Functions;
#define SG_FUNCTIONS(T, letter)                                              \
  template <>                                                                \
  struct Functions<T> {                                                      \
    static constexpr auto potrf_size = cusolverDn##letter##potrf_bufferSize; \
    static constexpr auto potrf = cusolverDn##letter##potrf;                 \
    static constexpr auto potrf_batch = cusolverDn##letter##potrfBatched;    \
    static constexpr auto getrf_size = cusolverDn##letter##getrf_bufferSize; \
    static constexpr auto getrf = cusolverDn##letter##getrf;                 \
    static constexpr auto getrs = cusolverDn##letter##getrs;                 \
    static constexpr auto syevd_size = cusolverDn##letter##syevd_bufferSize; \
    static constexpr auto syevd = cusolverDn##letter##syevd;                 \
    static constexpr auto getrf_batch = cublas##letter##getrfBatched;        \
    static constexpr auto getrs_batch = cublas##letter##getrsBatched;        \
    static constexpr auto trsm = cublas##letter##trsm;                       \
    static constexpr auto trsm_batch = cublas##letter##trsmBatched;          \
  };
SG_FUNCTIONS(float, S)
SG_FUNCTIONS(double, D)
#undef SG_FUNCTIONS

/// The batch of [n, n] matrices in `a`.
struct Batch {
  int64_t count = 1;
  int n;

  Batch(Where at, const char* op, const View& a, int64_t other = 1) : n(static_cast<int>(a.shape.back(0))) {
    for (int d = 0; d + 2 < a.shape.rank; ++d) count *= a.shape[d];
    constexpr int64_t limit = std::numeric_limits<int>::max();
    if (a.shape.back(0) > limit || other > limit || count > limit)
      throw Error(at, fmt::format("{}: {}: an extent is beyond cuSOLVER's integers", op, to_string(a.shape)));
  }
  int64_t size() const { return static_cast<int64_t>(n) * n; }
  /// The batched functions give a block of threads to each matrix, the others the whole GPU to one.
  bool together() const { return count >= 4 && n <= 128; }
};

/// " 3 of batch [2, 2]" or nothing where there is one matrix.
std::string place(int64_t i, const Shape& matrices) {
  Shape batch;
  for (int d = 0; d + 2 < matrices.rank; ++d) batch.push_back(matrices[d]);
  return batch.rank == 0 ? "" : fmt::format(" {} of batch {}", i, to_string(batch));
}

/// Throws Error with what say(i, info) returns for the first matrix i whose info is not 0, which waits for the GPU; in a graph whoever
/// waits next does so.
template <class Text>
void judge(Where at, const char* op, const int* infos, int64_t count, Text say) {
  const auto text = [say](unsigned long long v) {
    return say(int64_t{0x7fffffff} - static_cast<int64_t>(v >> 32), static_cast<int>(v & 0xffffffff));
  };
  if (in_graph()) return find_complaint(infos, verdict(at, text), count);
  Scratch<unsigned long long> worst(1);
  check(at, op, cudaMemsetAsync(worst.data(), 0, sizeof(unsigned long long), stream()));
  find_complaint(infos, worst.data(), count);
  unsigned long long v = 0;
  download(&v, worst.data(), sizeof v);
  if (v != 0) throw Error(at, text(v));
}

template <class T>
class Pointers {
 public:
  Pointers(T* base, int64_t stride, int64_t count) : list_(count) { point_at(list_.data(), base, stride, count); }
  T** data() { return list_.data(); }

 private:
  Scratch<T*> list_;
};

/// In place: LU with row exchanges of the matrices as columns. The infos follow LAPACK's getrf.
template <class T>
void factor_lu(Where at, const char* op, const Libraries& use, const Batch& batch, T* a, int* pivots, int* infos) {
  using F = Functions<T>;
  if (batch.together()) {
    Pointers<T> matrices(a, batch.size(), batch.count);
    check(at, op, F::getrf_batch(use.blas(), batch.n, matrices.data(), batch.n, pivots, infos, static_cast<int>(batch.count)));
    return;
  }
  int length = 0;
  check(at, op, F::getrf_size(use.solver(), batch.n, batch.n, a, batch.n, &length));
  Scratch<T> workspace(length);
  for (int64_t i = 0; i < batch.count; ++i)
    check(at, op,
          F::getrf(use.solver(), batch.n, batch.n, a + i * batch.size(), batch.n, workspace.data(), pivots + i * batch.n, infos + i));
}

/// In place: eigenvectors of the matrices as columns, by one call for all of them where cuSOLVER has one, else one after the other.
template <class T>
void eigenvectors(Where at, const char* op, const Libraries& use, const Batch& batch, T* a, T* values, int* infos) {
  constexpr cusolverEigMode_t mode = CUSOLVER_EIG_MODE_VECTOR;
  constexpr cublasFillMode_t triangle = CUBLAS_FILL_MODE_UPPER;
#if CUSOLVER_VERSION >= 11701
  if (batch.count >= 4 && batch.n <= 512) {  // a large matrix keeps the GPU busy by itself
    constexpr cudaDataType type = std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_64F;
    size_t here = 0, there = 0;
    check(at, op,
          cusolverDnXsyevBatched_bufferSize(use.solver(), use.parameters(), mode, triangle, batch.n, type, a, batch.n, type, values, type,
                                            &there, &here, batch.count));
    Scratch<char> workspace(static_cast<int64_t>(there));
    std::vector<char> of_host(here);
    check(at, op,
          cusolverDnXsyevBatched(use.solver(), use.parameters(), mode, triangle, batch.n, type, a, batch.n, type, values, type,
                                 workspace.data(), there, of_host.data(), here, infos, batch.count));
    if (here > 0) check(at, op, cudaStreamSynchronize(stream()));  // it may still read the host's
    return;
  }
#endif
  using F = Functions<T>;
  int length = 0;
  check(at, op, F::syevd_size(use.solver(), mode, triangle, batch.n, a, batch.n, values, &length));
  Scratch<T> workspace(length);
  for (int64_t i = 0; i < batch.count; ++i)
    check(at, op,
          F::syevd(use.solver(), mode, triangle, batch.n, a + i * batch.size(), batch.n, values + i * batch.n, workspace.data(), length,
                   infos + i));
}

/// A view of the same matrices with rows and columns exchanged, over other memory that holds them by columns.
View turned(const View& like, void* data) {
  View v{data, like.dtype, like.shape, {}};
  Shape exchanged = like.shape;
  const int r = like.shape.rank;
  exchanged[r - 2] = like.shape[r - 1];
  exchanged[r - 1] = like.shape[r - 2];
  v.strides = contiguous_strides(exchanged);
  std::swap(v.strides[r - 2], v.strides[r - 1]);
  return v;
}

}  // namespace

void run(Where at, const calls::Cholesky& c) {
  const View &out = c.out, &in = c.in;
  if (numel(in.shape) == 0) return;
  const Batch batch(at, c.name, in);
  run(at, calls::Copy{out, in});
  dispatch_floating(in.dtype, [&]<class T>(T) {
    using F = Functions<T>;
    T* a = static_cast<T*>(out.data);
    Scratch<int> infos(batch.count);
    if (batch.n <= small_matrix) {
      factor_small(a, infos.data(), batch.n, batch.count);
    } else {
      const Libraries use;
      if (batch.together()) {
        Pointers<T> matrices(a, batch.size(), batch.count);
        check(at, c.name,
              F::potrf_batch(use.solver(), CUBLAS_FILL_MODE_UPPER, batch.n, matrices.data(), batch.n, infos.data(),
                             static_cast<int>(batch.count)));
      } else {
        int length = 0;
        check(at, c.name, F::potrf_size(use.solver(), CUBLAS_FILL_MODE_UPPER, batch.n, a, batch.n, &length));
        Scratch<T> workspace(length);
        for (int64_t i = 0; i < batch.count; ++i)
          check(at, c.name,
                F::potrf(use.solver(), CUBLAS_FILL_MODE_UPPER, batch.n, a + i * batch.size(), batch.n, workspace.data(), length,
                         infos.data() + i));
      }
    }
    if (batch.n > small_matrix) clear_above_diagonal(a, batch.n, batch.count);
    judge(at, c.name, infos.data(), batch.count, [shape = in.shape](int64_t i, int info) {
      return fmt::format("cholesky: matrix{} of shape {} is not positive definite, its leading minor of order {} is not", place(i, shape),
                         to_string(shape), info);
    });
  });
}

void run(Where at, const calls::Solve& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  const Batch batch(at, c.name, a, b.shape.back(0));
  const int m = static_cast<int>(b.shape.back(0));
  const int64_t rhs = static_cast<int64_t>(batch.n) * m;
  dispatch_floating(a.dtype, [&]<class T>(T) {
    using F = Functions<T>;
    Scratch<T> factors(batch.count * batch.size()), sides(batch.count * rhs);
    Scratch<int> pivots(batch.count * batch.n), infos(batch.count);
    run(at, calls::Copy{{factors.data(), a.dtype, a.shape, contiguous_strides(a.shape)}, a});
    const View columns = turned(b, sides.data());
    run(at, calls::Copy{columns, b});
    {
      const Libraries use;
      factor_lu(at, c.name, use, batch, factors.data(), pivots.data(), infos.data());
    }
    judge(at, c.name, infos.data(), batch.count, [shape = a.shape](int64_t i, int) {
      return fmt::format("solve: matrix{} of shape {} is singular", place(i, shape), to_string(shape));
    });
    {
      const Libraries use;
      if (batch.together()) {
        Pointers<T> matrices(factors.data(), batch.size(), batch.count), right(sides.data(), rhs, batch.count);
        int refused = 0;
        check(at, c.name,
              F::getrs_batch(use.blas(), CUBLAS_OP_T, batch.n, m, matrices.data(), batch.n, pivots.data(), right.data(), batch.n, &refused,
                             static_cast<int>(batch.count)));
      } else {
        for (int64_t e = 0; e < batch.count; ++e)
          check(at, c.name,
                F::getrs(use.solver(), CUBLAS_OP_T, batch.n, m, factors.data() + e * batch.size(), batch.n, pivots.data() + e * batch.n,
                         sides.data() + e * rhs, batch.n, infos.data() + e));
      }
    }
    run(at, calls::Copy{out, columns});
  });
}

// Row-major, op(A) X = B reads X' op(A)' = B' by columns, where the memory of X and B holds X' and B' already and that of A holds A'.
void run(Where at, const calls::TriangularSolve& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  const Batch batch(at, c.name, a, b.shape.back(0));
  const int m = static_cast<int>(b.shape.back(0));
  const int64_t rhs = static_cast<int64_t>(batch.n) * m;
  dispatch_floating(a.dtype, [&]<class T>(T) {
    using F = Functions<T>;
    T *matrix = static_cast<T*>(a.data), *sides = static_cast<T*>(out.data);
    Scratch<int> zeros(batch.count);
    find_zero_diagonal(static_cast<const T*>(matrix), zeros.data(), batch.n, batch.count);
    judge(at, c.name, zeros.data(), batch.count, [shape = a.shape](int64_t i, int) {
      return fmt::format("triangular_solve: matrix{} of shape {} is singular, its diagonal has a zero", place(i, shape), to_string(shape));
    });
    run(at, calls::Copy{out, b});
    const cublasFillMode_t fill_mode = c.triangle == Triangle::lower ? CUBLAS_FILL_MODE_UPPER : CUBLAS_FILL_MODE_LOWER;
    const cublasOperation_t op = c.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    const T one = 1;
    const Libraries use;
    if (batch.together()) {
      Pointers<T> matrices(matrix, batch.size(), batch.count), right(sides, rhs, batch.count);
      check(at, c.name,
            F::trsm_batch(use.blas(), CUBLAS_SIDE_RIGHT, fill_mode, op, CUBLAS_DIAG_NON_UNIT, m, batch.n, &one, matrices.data(), batch.n,
                          right.data(), m, static_cast<int>(batch.count)));
    } else {
      for (int64_t e = 0; e < batch.count; ++e)
        check(at, c.name,
              F::trsm(use.blas(), CUBLAS_SIDE_RIGHT, fill_mode, op, CUBLAS_DIAG_NON_UNIT, m, batch.n, &one, matrix + e * batch.size(),
                      batch.n, sides + e * rhs, m));
    }
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
    Scratch<int> pivots(batch.count * batch.n), infos(batch.count);
    run(at, calls::Copy{{factors.data(), a.dtype, a.shape, contiguous_strides(a.shape)}, a});
    const Libraries use;
    factor_lu(at, c.name, use, batch, factors.data(), pivots.data(), infos.data());
    slogdet_of_factors(static_cast<const T*>(factors.data()), pivots.data(), static_cast<T*>(logabs.data), static_cast<T*>(sign.data),
                       batch.n, batch.count);
  });
}

// As columns the lower triangle is the upper one, and the eigenvectors, one behind the other, are the rows of V'.
void run(Where at, const calls::Eigh& c) {
  const View &values = c.values, &vectors = c.vectors, &in = c.in;
  if (numel(in.shape) == 0) return;
  const Batch batch(at, c.name, in);
  dispatch_floating(in.dtype, [&]<class T>(T) {
    Scratch<T> rows(batch.count * batch.size());
    Scratch<int> infos(batch.count);
    const View packed{rows.data(), in.dtype, in.shape, contiguous_strides(in.shape)};
    const auto say = [shape = in.shape](int64_t i, int info) {
      return fmt::format("eigh: matrix{} of shape {} has no decomposition, {} of its values did not converge (is it finite?)",
                         place(i, shape), to_string(shape), info);
    };
    run(at, calls::Copy{packed, in});
    find_not_finite(static_cast<const T*>(rows.data()), infos.data(), batch.n, batch.count);
    judge(at, c.name, infos.data(), batch.count, say);
    {
      const Libraries use;
      eigenvectors(at, c.name, use, batch, rows.data(), static_cast<T*>(values.data), infos.data());
    }
    judge(at, c.name, infos.data(), batch.count, say);
    make_largest_positive(rows.data(), batch.n, batch.count * batch.n);
    run(at, calls::Copy{vectors, turned(in, rows.data())});
  });
}

}  // namespace scoregrad::on_cuda
