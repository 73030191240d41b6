// Products that are too thin or too small for a library: its call, its copies and its tiles would cost more than the product.
#pragma once
#include "cpu/gemm.h"

namespace scoregrad::on_cpu {

/// c = a b as gemm() wants it, or false, and nothing done, where a library is faster. T is float or double. Which it is, and the order of
/// every sum, follow from shapes and strides alone.
template <class T>
bool small_gemm(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k);

}  // namespace scoregrad::on_cpu
