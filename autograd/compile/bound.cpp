#include "autograd/compile/bound.h"

namespace scoregrad::compiled {

Bound::Bound(const Call& c, const std::function<void(void*&, const Place&)>& point) : call(&c), offset(c.offset) {
  const bool elementwise = c.entry == Entry::elementwise, computes = elementwise || !c.code.empty();
  const auto fill = [&](const std::vector<Place>& places, bool as_accesses, std::vector<Access>& accesses, std::vector<View>& views) {
    accesses.resize(as_accesses ? places.size() : 0);
    views.resize(as_accesses ? 0 : places.size());
    for (size_t k = 0; k < places.size(); ++k) {
      const Place& p = places[k];
      if (as_accesses) {
        accesses[k].dtype = p.dtype;
        accesses[k].strides = p.strides;
        point(accesses[k].data, p);
      } else {
        views[k].dtype = p.dtype;
        views[k].shape = p.shape;
        views[k].strides = p.strides;
        point(views[k].data, p);
      }
    }
  };
  fill(c.in, computes, in_access, in);
  fill(c.out, elementwise, out_access, out);
  if (!computes) return;
  shape = elementwise ? c.out[0].shape : c.in[0].shape;
  program = {c.dtype,
             static_cast<int>(c.in.size()),
             static_cast<int>(c.immediates.size()),
             c.immediates.data(),
             static_cast<int>(c.code.size()),
             c.code.data(),
             static_cast<int>(c.out.size()),
             c.results.data()};
}

void Bound::operator()() const {
  const Call& c = *call;
  const Backend& on = *c.backend;
  const auto key = [&] { return KeyWords{{c.words[0], c.words[1]}, c.keyed ? static_cast<const int64_t*>(in[0].data) : nullptr}; };
  switch (c.entry) {
    case Entry::elementwise:
      return on.elementwise(program, shape, in_access.data(), out_access.data());
    case Entry::copy:
      return on.copy(out[0], in[0]);
    case Entry::fill:
      return on.fill(out[0], c.immediates[0]);
    case Entry::reduce:
      if (!c.code.empty()) return on.reduce_program(static_cast<Reduction>(c.kind), out[0], program, shape, in_access.data(), c.axes);
      return on.reduce(static_cast<Reduction>(c.kind), out[0], in[0], c.axes);
    case Entry::cumsum:
      return on.cumsum(out[0], in[0], c.axis);
    case Entry::sort:
      return on.sort(out[0], out[1], in[0], c.axis, c.flag);
    case Entry::gather:
      return on.gather(c.at, out[0], in[0], in[1], c.axis);
    case Entry::scatter_add:
      return on.scatter_add(c.at, out[0], in[0], in[1], c.axis);
    case Entry::index_select:
      return on.index_select(c.at, out[0], in[0], in[1], c.axis);
    case Entry::index_add:
      return on.index_add(c.at, out[0], in[0], in[1], c.axis);
    case Entry::matmul:
      return on.matmul(out[0], in[0], in[1]);
    case Entry::random:
      return on.random(static_cast<Random>(c.kind), out[0], key(), offset);
    case Entry::fold:
      return on.fold(out[0], key(), in[c.keyed ? 1 : 0]);
    case Entry::cholesky:
      return on.cholesky(c.at, out[0], in[0]);
    case Entry::solve:
      return on.solve(c.at, out[0], in[0], in[1]);
    case Entry::triangular_solve:
      return on.triangular_solve(c.at, out[0], in[0], in[1], static_cast<Triangle>(c.kind), c.flag);
    case Entry::logabsdet:
      return on.logabsdet(c.at, out[0], out[1], in[0]);
    case Entry::symeig:
      return on.symeig(c.at, out[0], out[1], in[0]);
    case Entry::convolution:
      return on.convolution(c.at, static_cast<ConvolutionPart>(c.kind), out[0], in[0], in[1], c.geometry);
    case Entry::constant:
      return on.upload(out[0].data, c.bytes.data(), c.bytes.size());
  }
}

}  // namespace scoregrad::compiled
