// Batched matrix products by cuBLAS: operands stay where they lie if rows or columns lie together, batches that share the right operand
// become rows, and what is left of the batch is walked by one strided stride where it has one. int64 by a kernel of our own.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cuda/blas.h"
#include "cuda/context.h"
#include "cuda/kernels.h"
#include "cuda/matrix_kernels.h"
#include "cuda/memory.h"

namespace scoregrad::on_cuda {

namespace {

constexpr int64_t int_limit = std::numeric_limits<int>::max(), most_rows = int64_t{1} << 30, most_batches = 65535;

/// A matrix as cuBLAS, which reads columns, is told of it: stored by rows it is its own transpose.
struct Layout {
  bool by_columns = false;
  int64_t leading = 1;
};

/// False where neither rows nor columns lie together. An extent of one goes with either.
bool find_layout(int64_t rows, int64_t columns, int64_t row, int64_t column, Layout* layout) {
  if ((column == 1 || columns == 1) && (row >= columns || rows == 1)) {
    *layout = {false, rows == 1 ? std::max<int64_t>(columns, 1) : row};
    return layout->leading <= int_limit;
  }
  if ((row == 1 || rows == 1) && (column >= rows || columns == 1)) {
    *layout = {true, columns == 1 ? std::max<int64_t>(rows, 1) : column};
    return layout->leading <= int_limit;
  }
  return false;
}
bool lies_well(const View& v) {
  Layout ignored;
  return find_layout(v.shape.back(1), v.shape.back(0), v.strides.back(1), v.strides.back(0), &ignored);
}

int64_t stored(const View& v) {
  int64_t n = v.shape.back(0) * v.shape.back(1);
  for (int d = 0; d + 2 < v.shape.rank; ++d)
    if (v.strides[d] != 0) n *= v.shape[d];
  return n;
}

/// A view that cuBLAS can read: itself, or a packed copy in which repeated batches stay repeated.
class Readable {
 public:
  explicit Readable(const View& in) : view_(in), copy_(lies_well(in) ? 0 : (stored(in) * static_cast<int64_t>(size_of(in.dtype)) + 7) / 8) {
    if (lies_well(in)) return;
    View from = in;
    for (int d = 0; d + 2 < in.shape.rank; ++d)
      if (in.strides[d] == 0) from.shape[d] = 1;
    view_ = {copy_.data(), in.dtype, in.shape, contiguous_strides(from.shape)};
    run({}, calls::Copy{{copy_.data(), in.dtype, from.shape, view_.strides}, from});
    for (int d = 0; d + 2 < in.shape.rank; ++d)
      if (from.shape[d] == 1) view_.strides[d] = 0;
  }
  const View& view() const { return view_; }

 private:
  View view_;
  Scratch<double> copy_;
};

/// The extents around one product, outermost first; neighbours that all three operands walk as one are joined.
struct Nest {
  int rank = 0;
  int64_t extent[max_rank], stride[3][max_rank];  // of out, a, b

  void push_inner(int64_t n, int64_t out, int64_t a, int64_t b) {
    if (n == 1) return;
    const int64_t step[3] = {out, a, b};
    bool joins = rank > 0;
    for (int o = 0; o < 3 && joins; ++o) joins = stride[o][rank - 1] == step[o] * n;
    const int at = joins ? rank - 1 : rank++;
    extent[at] = joins ? extent[at] * n : n;
    for (int o = 0; o < 3; ++o) stride[o][at] = step[o];
  }
};

cublasComputeType_t compute_type(DType t) {
  if (t == DType::float64) return CUBLAS_COMPUTE_64F;
  switch (host().matmul_precision()) {
    case MatmulPrecision::tf32:
      return CUBLAS_COMPUTE_32F_FAST_TF32;
    case MatmulPrecision::bf16:
      return CUBLAS_COMPUTE_32F_FAST_16BF;
    default:
      return CUBLAS_COMPUTE_32F;
  }
}

/// One product, or `batches` of them a stride apart: c [m, n] by rows with leading extent ldc. To cuBLAS this is c' = b' a'.
void product(cublasHandle_t blas, DType t, int64_t m, int64_t n, int64_t k, const char* a, Layout la, int64_t stride_a, const char* b,
             Layout lb, int64_t stride_b, char* c, int64_t ldc, int64_t stride_c, int64_t batches) {
  const double one64 = 1, zero64 = 0;
  const float one32 = 1, zero32 = 0;
  const bool wide = t == DType::float64;
  const void *one = wide ? static_cast<const void*>(&one64) : &one32, *zero = wide ? static_cast<const void*>(&zero64) : &zero32;
  const cudaDataType type = wide ? CUDA_R_64F : CUDA_R_32F;
  const cublasOperation_t on_a = la.by_columns ? CUBLAS_OP_T : CUBLAS_OP_N, on_b = lb.by_columns ? CUBLAS_OP_T : CUBLAS_OP_N;
  const int M = static_cast<int>(m), N = static_cast<int>(n), K = static_cast<int>(k);
  const int lda = static_cast<int>(la.leading), ldb = static_cast<int>(lb.leading), ld = static_cast<int>(ldc);
  if (batches == 1) {
    check(
        {}, "matmul",
        cublasGemmEx(blas, on_b, on_a, N, M, K, one, b, type, ldb, a, type, lda, zero, c, type, ld, compute_type(t), CUBLAS_GEMM_DEFAULT));
  } else {
    check({}, "matmul",
          cublasGemmStridedBatchedEx(blas, on_b, on_a, N, M, K, one, b, type, ldb, stride_b, a, type, lda, stride_a, zero, c, type, ld,
                                     stride_c, static_cast<int>(batches), compute_type(t), CUBLAS_GEMM_DEFAULT));
  }
}

/// out by rows, a and b as cuBLAS can read them.
void multiply(const View& out, const View& a, const View& b) {
  const int r = out.shape.rank;
  const int64_t n = out.shape[r - 1], k = a.shape[r - 1], size = static_cast<int64_t>(size_of(out.dtype));
  Layout la, lb, lc;
  find_layout(a.shape[r - 2], k, a.strides[r - 2], a.strides[r - 1], &la);
  find_layout(k, n, b.strides[r - 2], b.strides[r - 1], &lb);
  find_layout(out.shape[r - 2], n, out.strides[r - 2], out.strides[r - 1], &lc);

  // The rows are one more extent along which b stands still: where a lies by rows, batches that share b join them.
  Nest nest;
  for (int d = 0; d + 2 < r; ++d) nest.push_inner(out.shape[d], out.strides[d], a.strides[d], b.strides[d]);
  int64_t m = out.shape[r - 2];
  if (!la.by_columns) {
    nest.push_inner(m, out.strides[r - 2], a.strides[r - 2], 0);
    const int rows = nest.rank - 1;
    // With one row a matrix, the matrices of a batch are rows themselves if they lie apart.
    if (rows >= 0 && nest.stride[2][rows] == 0 && (m > 1 || (nest.stride[1][rows] >= k && nest.stride[0][rows] >= n))) {
      m = nest.extent[rows];
      la.leading = nest.stride[1][rows];
      lc.leading = nest.stride[0][rows];
      --nest.rank;
    }
  }
  if (std::max({n, k, la.leading, lb.leading, lc.leading}) > int_limit)
    throw Error({}, fmt::format("matmul: {} x {}: an extent is beyond cuBLAS's integers", to_string(a.shape), to_string(b.shape)));

  // The innermost extent left is the batch of one call; those outside it are walked here.
  const int last = nest.rank - 1;
  const int64_t batches = nest.rank > 0 ? nest.extent[last] : 1;
  const int64_t step_c = nest.rank > 0 ? nest.stride[0][last] : 0, step_a = nest.rank > 0 ? nest.stride[1][last] : 0,
                step_b = nest.rank > 0 ? nest.stride[2][last] : 0;
  int64_t calls = 1;
  for (int d = 0; d < last; ++d) calls *= nest.extent[d];
  const Libraries libraries;
  for (int64_t call = 0; call < calls; ++call) {
    int64_t at[3] = {0, 0, 0};
    int64_t rest = call;
    for (int d = last - 1; d >= 0; --d) {
      for (int o = 0; o < 3; ++o) at[o] += rest % nest.extent[d] * nest.stride[o][d];
      rest /= nest.extent[d];
    }
    for (int64_t first = 0; first < batches; first += most_batches)
      for (int64_t row = 0; row < m; row += most_rows) {
        const int64_t row_a = la.by_columns ? 1 : la.leading;
        product(libraries.blas(), out.dtype, std::min(most_rows, m - row), n, k,
                static_cast<const char*>(a.data) + (at[1] + first * step_a + row * row_a) * size, la, step_a,
                static_cast<const char*>(b.data) + (at[2] + first * step_b) * size, lb, step_b,
                static_cast<char*>(out.data) + (at[0] + first * step_c + row * lc.leading) * size, lc.leading, step_c,
                std::min(most_batches, batches - first));
      }
  }
}

}  // namespace

void run(Where at, const calls::Matmul& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  if (a.shape.back(0) == 0) return run(at, calls::Fill{out, {0, 0}});
  if (out.dtype == DType::int64) return integer_products(out, a, b);
  if (!is_floating(out.dtype)) throw Error({}, "matmul: bool matrices; cast them first");
  const Readable left(a), right(b);
  Layout layout;
  const bool by_rows =
      find_layout(out.shape.back(1), out.shape.back(0), out.strides.back(1), out.strides.back(0), &layout) && !layout.by_columns;
  if (by_rows) return multiply(out, left.view(), right.view());
  Scratch<double> packed((numel(out.shape) * static_cast<int64_t>(size_of(out.dtype)) + 7) / 8);
  const View rows{packed.data(), out.dtype, out.shape, contiguous_strides(out.shape)};
  multiply(rows, left.view(), right.view());
  run(at, calls::Copy{out, rows});
}

}  // namespace scoregrad::on_cuda
