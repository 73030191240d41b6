#include "losses/demand.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::losses {

void demand_alike(const char* op, std::initializer_list<NamedTensor> all, Where at) {
  const NamedTensor& last = *(all.end() - 1);
  if (last.x.rank() < 1) throw misfit(at, op, last.name, "[.., d]", last.x);
  for (const NamedTensor& each : all) check_like(at, op, each.name, last.x, each.x);
}

void demand_level(const char* op, const char* name, const Number& level, const Tensor& x, Where at) {
  if (level.is_number()) {
    if (!(level.value() > 0) || !std::isfinite(level.value()))
      throw Error(at, fmt::format("{}: {} of {}; a noise level must be positive and finite", op, name, level.value()));
    return;
  }
  // One value a row stands in the leading axes; axes of extent one may follow.
  const Shape got = level.like(x).shape();
  bool fits = got.rank <= x.rank();
  for (int i = 0; fits && i < got.rank; ++i) fits = got[i] == (i + 1 < x.rank() ? x.shape()[i] : 1) || (i > 0 && got[i] == 1);
  if (!fits) throw misfit(at, op, name, fmt::format("one number, or one a row of {},", to_string(x.shape())), got);
}

void demand_shape(const char* op, const NamedTensor& x, const Shape& wanted, Where at) {
  if (x.x.shape() != wanted) throw misfit(at, op, x.name, wanted, x.x);
}

}  // namespace scoregrad::losses
