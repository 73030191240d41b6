// The same values elsewhere or in another element type, and one value everywhere.
#include <cstring>
#include <limits>

#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::on_reference {
namespace {

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_same_v<To, int64_t> && std::is_floating_point_v<From>) {
    if (x != x) return 0;  // beyond int64's range C++ leaves it open: the nearest, as on a GPU
    if (x >= From(0x1p63)) return std::numeric_limits<int64_t>::max();
    return x < From(-0x1p63) ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace

void run(Where, const calls::Copy& c) {
  dispatch(c.out.dtype, [&]<class To>(To) {
    dispatch(c.in.dtype, [&]<class From>(From) {
      for_each(c.out.shape, [&](const Dims& i) { element<To>(c.out, i) = convert<To>(element<From>(c.in, i)); });
    });
  });
}

void run(Where, const calls::Fill& c) {
  dispatch(c.out.dtype, [&]<class T>(T) {
    T value;
    if constexpr (std::is_floating_point_v<T>)
      value = static_cast<T>(c.value.f);
    else
      value = static_cast<T>(c.value.i);
    for_each(c.out.shape, [&](const Dims& i) { element<T>(c.out, i) = value; });
  });
}

void run(Where, const calls::Upload& c) {
  if (c.host.bytes > 0) std::memcpy(c.out.data, c.host.data, c.host.bytes);
}
void run(Where, const calls::Download& c) {
  if (c.host.bytes > 0) std::memcpy(c.host.data, c.in.data, c.host.bytes);
}

}  // namespace scoregrad::on_reference
