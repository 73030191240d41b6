#include "nn/classification.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {
namespace {

void check(const char* op, const Tensor& logits, const Tensor& labels, Where at) {
  if (!logits.defined() || logits.rank() < 1 || logits.extent(-1) < 1) throw misfit(at, op, "the logits", "[.., k]", logits);
  Shape rows;
  for (int i = 0; i + 1 < logits.rank(); ++i) rows.push_back(logits.shape()[i]);
  if (!labels.defined() || labels.shape() != rows) throw misfit(at, op, "the labels", rows, labels);
  if (labels.dtype() != DType::int64) throw misfit(at, op, "the labels", kind_of(DType::int64, rows), kind_of(labels));
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& o, Where at) {
  check("cross_entropy", logits, labels, at);
  if (!(o.smoothing >= 0 && o.smoothing <= 1))
    throw Error(at, fmt::format("cross_entropy: the smoothing {} is not in [0, 1]", o.smoothing));
  const CallerScope scope(at, "cross_entropy");
  const Tensor counts = o.ignored ? labels != *o.ignored : Tensor();
  const Tensor classes = o.ignored ? where(counts, labels, zeros(labels.shape(), like(labels))) : labels;
  const Tensor log_p = log_softmax(logits);
  Tensor loss = -squeeze(gather(log_p, -1, unsqueeze(classes, -1)), {-1});
  if (o.smoothing > 0) loss = (1 - o.smoothing) * loss - o.smoothing * mean(log_p, {-1});
  return o.ignored ? where(counts, loss, 0.0) : loss;
}

Tensor accuracy(const Tensor& logits, const Tensor& labels, std::optional<int64_t> ignored, Where at) {
  check("accuracy", logits, labels, at);
  const CallerScope scope(at, "accuracy");
  const NoGrad guard;
  const Tensor right = (argmax(logits, -1) == labels).to(float64);
  if (!ignored) return mean(right);
  const Tensor counts = (labels != *ignored).to(float64);
  return sum(right * counts) / sum(counts);
}

}  // namespace scoregrad::nn
