#include "autograd/compile/bound.h"

namespace scoregrad::compiled {
namespace {

using Point = std::function<void(void*&, const Place&)>;

// Fills the blank operands of a call that are read (or, else, written) with its places, in order.
struct Filling {
  Bound& to;
  const Call& from;
  const Point& point;
  bool reads;
  size_t next = 0;

  void view(View& v) {
    const Place& p = (reads ? from.in : from.out)[next++];
    v.dtype = p.dtype, v.shape = p.shape, v.strides = p.strides;
    point(v.data, p);
  }
  void accesses(std::vector<Access>& list, const std::vector<Place>& places) {
    list.resize(places.size());
    for (size_t k = 0; k < places.size(); ++k) {
      list[k].dtype = places[k].dtype, list[k].strides = places[k].strides;
      point(list[k].data, places[k]);
    }
  }

  void operator()(calls::In& v) {
    if (reads) view(v);
  }
  void operator()(calls::Out& v) {
    if (!reads) view(v);
  }
  void operator()(calls::InOut& v) { view(v); }  // twice the same address
  void operator()(KeyWords& k) {
    if (reads && k.address) point(const_cast<void*&>(k.address), from.in[next++]);
  }
  void operator()(calls::Inputs& i) {
    if (!reads) return;
    accesses(to.in_access, from.in);
    if (!from.in.empty()) to.shape = from.in[0].shape;
    i = to.in_access.data();
  }
  void operator()(calls::Outputs& o) {
    if (reads) return;
    accesses(to.out_access, from.out);
    to.shape = from.out[0].shape;
    o = to.out_access.data();
  }
  void operator()(calls::Over& over) { over = to.shape; }
  void operator()(Program& p) {
    p = {from.dtype,
         static_cast<int>(from.in.size()),
         static_cast<int>(from.immediates.size()),
         from.immediates.data(),
         static_cast<int>(from.code.size()),
         from.code.data(),
         static_cast<int>(from.results.size()),
         from.results.data()};
  }
  void operator()(calls::FromHost& h) { h = {from.bytes.data(), from.bytes.size()}; }
  template <class Attribute>
  void operator()(Attribute&) {}
};

}  // namespace

Bound::Bound(const Call& c, const Point& point) : what(c.what), backend(c.backend), at(c.at) {
  for (const bool reads : {true, false}) {
    Filling fill{*this, c, point, reads};
    std::visit([&](auto& call) { call.fields([&](auto&... field) { (fill(field), ...); }); }, what);
  }
}

}  // namespace scoregrad::compiled
