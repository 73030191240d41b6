#include "distributions/parameters.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"

namespace scoregrad::distributions {

Shape batch_of(const Tensor& x, int last) {
  Shape out;
  for (int i = 0; i < x.rank() - last; ++i) out.push_back(x.extent(i));
  return out;
}

void demand_parameter(const char* of, const char* name, const Tensor& x, const Shape& batch, const Shape& last, Where at) {
  bool right = x.rank() >= last.rank && x.rank() <= batch.rank + last.rank;
  for (int i = 1; right && i <= x.rank(); ++i) {
    const int64_t extent = x.extent(-i);
    right = i <= last.rank ? extent == last[last.rank - i] : extent == 1 || extent == batch[batch.rank - (i - last.rank)];
  }
  if (right) return;
  Shape wanted = batch;
  for (int i = 0; i < last.rank; ++i) wanted.push_back(last[i]);
  throw misfit(at, of, std::string("the ") + name, wanted, x);
}

void demand_points(const char* op, const Tensor& x, int64_t d, Where at) {
  if (x.rank() < 2 || x.extent(-1) != d) throw misfit(at, op, "the points", fmt::format("[n, {}]", d), x);
}

void demand_single(const char* of, const Tensor& mean, const Number& tau, Where at) {
  if (mean.rank() != 1) throw misfit(at, of, "a mean or a point", "[d]", mean, "batches have no encoder");
  if (!tau.is_single()) throw Error(at, fmt::format("{}: tau must be one number or a 0-d tensor", of));
  if (tau.is_number() && !(tau.value() >= 0)) throw Error(at, fmt::format("{}: tau = {}", of, tau.value()));
}

}  // namespace scoregrad::distributions
