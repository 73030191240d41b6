// Classifiers: the loss that trains them and the share that they get right.
#pragma once
#include <optional>

#include "autograd/ops/ops.h"

namespace scoregrad::nn {

struct CrossEntropyOptions {
  double smoothing = 0;                 ///< of the labels, in [0, 1]: the right class has 1 - smoothing, and each class smoothing / k
  std::optional<int64_t> ignored = {};  ///< rows with this label cost nothing and have no gradient
};
/// -sum_k p_k log softmax(logits)_k in nats, with p the label's class, a value for each row; the mean is the caller's.
/// logits [.., k], labels int64 [..] in 0 .. k - 1 -> [..]   (smoothing: Szegedy et al. 2016, section 7)
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {}, Where at = Where::here());
/// The share of rows whose largest logit is the label's, in float64; rows with the ignored label do not count, and none at all give NaN.
/// logits [.., k], labels int64 [..] -> 0-d
Tensor accuracy(const Tensor& logits, const Tensor& labels, std::optional<int64_t> ignored = {}, Where at = Where::here());

}  // namespace scoregrad::nn
