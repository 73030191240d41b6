// Data in mini-batches.
#pragma once
#include <functional>

#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::nn {

struct LoaderOptions {
  int64_t batch = 64;      ///< rows
  bool shuffle = true;     ///< each epoch in an order of its own
  bool drop_last = false;  ///< leave out the rows that do not fill a batch; else the last batch of an epoch is shorter
  /// What becomes of a batch, such as flipped and shifted images (nn/augment.h); the key is the step's own.
  std::function<Tensors(Tensors rows, const Key& key)> transform = {};
};
/// Rows of some tensors that belong together, epoch by epoch. Which rows step i gets is a function of the key and of i alone: there is
/// nothing to save, and a run that is resumed sees the batches that it would have seen.
class Loader {
 public:
  /// Throws Error unless all tensors have the same number of rows, and a batch is not empty.
  Loader(Tensors data, LoaderOptions options, const Key& key, Where at = Where::here());
  /// Batches in an epoch.
  int64_t batches() const { return batches_; }
  /// The rows of step 0, 1, ... of each tensor. [rows, ..]
  Tensors batch(int64_t step, Where at = Where::here());

 private:
  Tensors data_;
  LoaderOptions options_;
  Key key_;
  int64_t rows_ = 0, batches_ = 0, epoch_ = -1;
  Tensor order_;  // of epoch_
};

}  // namespace scoregrad::nn
