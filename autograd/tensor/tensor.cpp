#include "autograd/tensor/tensor.h"

#include <fmt/format.h>

#include <new>

#ifdef __ELF__
// gdb reads its printers of the library's types here: scoregrad/gdb.py. "\4" says that the script itself follows, after its name.
[[gnu::section(".debug_gdb_scripts"), gnu::used]] static const char gdb_script[] = "\4scoregrad\n"
#include "scoregrad/gdb_text.inc"
    ;
#endif

namespace scoregrad {

void destroy(Body* b) { delete b; }

void Tensor::throw_undefined() { throw Error({}, "this tensor is undefined: it was default-constructed and never assigned"); }

Tensor allocate(Where at, const Shape& shape, DType dtype, Device device) {
  Ref<Body> body(new Body);
  body->shape = shape;
  // In place: what is copied right after it was written one by one waits for the writes.
  body->strides.rank = shape.rank;
  constexpr int64_t most = int64_t{1} << 30;  // neither extents nor their products up to here need a closer look
  int64_t count = 1;
  bool small = true;
  for (int i = shape.rank - 1; i >= 0; --i) {
    const int64_t extent = shape.at[i];
    body->strides.at[i] = count;
    small = small && extent >= 0 && extent <= most && count <= most;
    count = static_cast<int64_t>(static_cast<uint64_t>(count) * static_cast<uint64_t>(extent));
  }
  if (!small) check_shape(at, "a result", shape);  // the one place that every new shape passes: broadcasting can overflow too
  body->dtype = dtype;
  body->storage = Ref<Storage>(new Storage(at, static_cast<size_t>(count) * size_of(dtype), device));
  return Tensor(std::move(body));
}

Tensor alias(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset) {
  Ref<Body> body(new Body);
  body->shape = shape;
  body->strides = strides;
  body->offset = offset;
  body->dtype = x.dtype();
  body->storage = x.body().storage;
  return Tensor(std::move(body));
}

Tensor packed(const Tensor& x) {
  if (x.is_contiguous()) return x;
  Tensor y = allocate({}, x.shape(), x.dtype(), x.device());
  x.backend().call({}, calls::Copy{y.view(), x.view()});
  return y;
}

double Tensor::item(Where at) const {
  if (numel() != 1) throw Error(at, fmt::format("item: a tensor of shape {} has {} elements, not one", to_string(shape()), numel()));
  return to_vector<double>()[0];
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  if constexpr (std::is_same_v<T, int64_t>)
    if (is_floating(dtype())) {  // NaN and what is too large become what the backends make of them
      const Tensor whole = allocate({}, shape(), DType::int64, device());
      backend().call({}, calls::Copy{whole.view(), view()});
      return whole.to_vector<int64_t>();
    }
  const Tensor dense = packed(*this);
  try {
    std::vector<T> out(static_cast<size_t>(numel()));
    dispatch(dtype(), [&](auto zero) {
      using S = decltype(zero);
      std::vector<unsigned char> host(out.size() * sizeof(S));
      if (!host.empty()) backend().call({}, calls::Download{{host.data(), host.size()}, calls::bytes_at(dense.bytes(), host.size())});
      const S* in = reinterpret_cast<const S*>(host.data());
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(in[i]);
    });
    return out;
  } catch (const std::bad_alloc&) {
    throw Error({}, fmt::format("to_vector: out of memory, a tensor of shape {} does not fit on the host", to_string(shape())));
  }
}
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<int64_t> Tensor::to_vector() const;
template std::vector<bool> Tensor::to_vector() const;

}  // namespace scoregrad
