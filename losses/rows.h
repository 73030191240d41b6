// Rows: what every loss of a set-up is a mean over, each tensor on the path that it belongs to.
#pragma once
#include "losses/parametrisation.h"

namespace scoregrad::losses {

/// Rows x_t = alpha x + sigma eps with x ~ p(x | c). Whatever x_t was drawn from lies on the path "dist" (Tensor::tag); c is untagged, so
/// that its user names the path that it takes.
struct Rows {
  Tensor x = {}, eps = {};  ///< [n, d]; undefined where x is integrated out
  Tensor xt;                ///< [n, d]
  Tensor t;                 ///< grad log q(x_t | x) = -eps / sigma [n, d], or its mean given x_t
  Tensor scatter = {};      ///< [n]: 1/2 tr Cov(t | x_t) where t is a mean: what half of |s - t|^2 has besides; undefined: 0
  Tensor moving = {};       ///< [n, d]: x_t again, which moves as the mean of its draws moves with the law; undefined: as x_t does
  Tensor c = {};            ///< [n, m]; undefined without a condition
  Tensor target = {};       ///< s*(x_t, c) [n, d], where it was asked for
  Tensor weight = {};       ///< [n], of sum one and tracked where the law's weights are; undefined: all alike
  Tensor partner = {};      ///< [n, d]: x_t of the law's first component for the same noise, where the weights are tracked
  Tensor index = {};        ///< int64 [n]: the condition, or the datum, that a row belongs to; undefined: conditions in equal runs
  Level level = {};

  int64_t count() const { return xt.extent(0); }
  /// Some of the rows.   which: int64 [k]
  Rows some(const Tensor& which) const;
};

}  // namespace scoregrad::losses
