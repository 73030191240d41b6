#include "losses/demand.h"

#include <fmt/format.h>

#include <cmath>

namespace scoregrad::losses {

void demand_alike(const char* op, std::initializer_list<NamedTensor> all, Where at) {
  const NamedTensor& first = *all.begin();
  for (const NamedTensor& each : all)
    if (first.x.rank() < 1 || each.x.shape() != first.x.shape())
      throw Error(at, fmt::format("{}: {} of shape {} and {} of shape {}; one shape [.., d] is wanted", op, first.name,
                                  to_string(first.x.shape()), each.name, to_string(each.x.shape())));
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
  if (!fits)
    throw Error(at, fmt::format("{}: {} of shape {} for values of shape {}; a number, a 0-d tensor or one a row is wanted", op, name,
                                to_string(got), to_string(x.shape())));
}

void demand_shape(const char* op, const NamedTensor& x, const Shape& wanted, Where at) {
  if (x.x.shape() != wanted)
    throw Error(at, fmt::format("{}: {} {} wanted, {} came", op, x.name, to_string(wanted), to_string(x.x.shape())));
}

}  // namespace scoregrad::losses
