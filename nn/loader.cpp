#include "nn/loader.h"

#include <fmt/format.h>

#include <algorithm>

namespace scoregrad::nn {

Loader::Loader(Tensors data, LoaderOptions options, const Key& key, Where at)
    : data_(std::move(data)), options_(std::move(options)), key_(key) {
  if (data_.empty()) throw Error(at, "Loader: no data");
  for (const Tensor& x : data_)
    if (!x.defined() || x.rank() == 0 || x.shape()[0] != data_[0].shape()[0])
      throw Error(at, fmt::format("Loader: every tensor needs the same number of rows, not shapes {} and {}", to_string(data_[0].shape()),
                                  x.defined() ? to_string(x.shape()) : "undefined"));
  rows_ = data_[0].shape()[0];
  if (options_.batch < 1) throw Error(at, fmt::format("Loader: a batch of {} rows", options_.batch));
  batches_ = options_.drop_last ? rows_ / options_.batch : (rows_ + options_.batch - 1) / options_.batch;
  if (batches_ == 0) throw Error(at, fmt::format("Loader: {} rows make no batch of {}", rows_, options_.batch));
}

Tensors Loader::batch(int64_t step, Where at) {
  if (step < 0) throw Error(at, fmt::format("Loader: there is no step {}", step));
  const CallerScope scope(at);
  const int64_t first = step % batches_ * options_.batch, last = std::min(first + options_.batch, rows_);
  Tensors out;
  if (options_.shuffle && epoch_ != step / batches_) {
    epoch_ = step / batches_;
    order_ = permutation(rows_, key_.fold(epoch_), data_[0].device());
  }
  for (const Tensor& x : data_)
    out.push_back(options_.shuffle ? index_select(x, 0, slice_axis(order_, 0, first, last).to(x.device())) : slice_axis(x, 0, first, last));
  return options_.transform ? options_.transform(std::move(out), key_.fold("transform").fold(step)) : out;
}

}  // namespace scoregrad::nn
