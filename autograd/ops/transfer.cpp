// The same values elsewhere or in another element type.
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

struct Cast {
  static constexpr Primitive primitive = Primitive::cast;
  DType from, into;
  std::string attributes() const { return std::string(name_of(from)) + " -> " + name_of(into); }
  Tensor apply(const Tensor& x) const { return to(x, into); }
  Tensor transpose(const Tensor& g, const Shape&) const { return to(g, from); }
};

struct Transfer {
  static constexpr Primitive primitive = Primitive::transfer;
  Device from, into;
  std::string attributes() const { return std::string(name_of(from)) + " -> " + name_of(into); }
  Tensor apply(const Tensor& x) const { return to(x, into); }
  Tensor transpose(const Tensor& g, const Shape&) const { return to(g, from); }
};

}  // namespace

Tensor to(Operand x, DType dtype) {
  const Tensor& t = tensor_of(x, "to");
  if (t.dtype() == dtype) return t;
  Tensor y = allocate(x.at, t.shape(), dtype, t.device());
  y.backend().call(x.at, calls::Copy{y.view(), t.view()});
  return record_linear(Cast{t.dtype(), dtype}, x, y);
}

Tensor to(Operand x, Device device) {
  const Tensor& t = tensor_of(x, "to");
  if (t.device() == device) return t;
  const Tensor dense = packed(t);
  Tensor y = allocate(x.at, t.shape(), t.dtype(), device);
  const size_t bytes = static_cast<size_t>(t.numel()) * size_of(t.dtype());
  if (bytes > 0 && device == cpu) {
    t.backend().call(x.at, calls::Download{{y.bytes(), bytes}, calls::bytes_at(dense.bytes(), bytes)});
  } else if (bytes > 0) {
    std::vector<char> host(t.device() == cpu ? 0 : bytes);  // between two devices the way leads over the host
    if (!host.empty()) t.backend().call(x.at, calls::Download{{host.data(), bytes}, calls::bytes_at(dense.bytes(), bytes)});
    y.backend().call(x.at, calls::Upload{calls::bytes_at(y.bytes(), bytes), {host.empty() ? dense.bytes() : host.data(), bytes}});
  }
  return record_linear(Transfer{t.device(), device}, x, y);
}

Tensor Tensor::to(Device device, Where at) const { return scoregrad::to(Operand(*this, at.file, at.line), device); }
Tensor Tensor::to(DType dtype, Where at) const { return scoregrad::to(Operand(*this, at.file, at.line), dtype); }

}  // namespace scoregrad
