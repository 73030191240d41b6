#include "autograd/compile/replay.h"

#include <algorithm>

namespace scoregrad::compiled {
namespace {

const Tensor in_arena(const Sequence& s, Device::Kind kind, Where at) {
  const Device device{kind, 0};
  const int64_t bytes = s.arena_bytes[kind];
  return bytes > 0 ? allocate(at, {bytes}, DType::boolean, device) : Tensor();
}

}  // namespace

Replay::Replay(Sequence planned, OneLaunch use, Where at)
    : sequence_(std::move(planned)), launch_(sequence_, use, at), moving_(sequence_.buffers.size()) {
  arena_[0] = in_arena(sequence_, Device::cpu_kind, at);
  arena_[1] = in_arena(sequence_, Device::cuda_kind, at);
  bound_.resize(sequence_.calls.size());
  for (size_t i = 0; i < bound_.size(); ++i) bind(i);
  for (size_t i = 0; i < bound_.size(); ++i)
    if (sequence_.once[i]) make(bound_[i]);
  std::vector<Bound> every;
  std::vector<Storage*> written;
  for (size_t i = 0; i < bound_.size(); ++i) {
    for (const Place& p : sequence_.calls[i].out)
      if (p.buffer >= 0 && sequence_.buffers[static_cast<size_t>(p.buffer)].kind == Buffer::captured)
        written.push_back(sequence_.buffers[static_cast<size_t>(p.buffer)].storage.get());
    if (!sequence_.once[i]) every.push_back(std::move(bound_[i]));  // the vectors' elements stay where they are
  }
  bound_ = std::move(every);
  for (Storage* s : written)
    if (std::find(written_.begin(), written_.end(), s) == written_.end()) written_.push_back(s);
}

void Replay::bind(size_t index) {
  const Call& c = sequence_.calls[index];
  Bound& b = bound_[index];
  b.call = &c;
  const bool elementwise = c.entry == Entry::elementwise, program = elementwise || !c.code.empty();
  const auto point = [&](void*& data, const Place& p) {
    data = nullptr;
    if (p.buffer < 0) return;
    const Buffer& buffer = sequence_.buffers[static_cast<size_t>(p.buffer)];
    if (buffer.kind == Buffer::captured)
      data = static_cast<char*>(buffer.storage->data) + p.offset;
    else if (buffer.kind == Buffer::temporary)
      data = arena_[buffer.device.kind].bytes() + sequence_.arena_offset[static_cast<size_t>(p.buffer)] + p.offset;
    else
      moving_[static_cast<size_t>(p.buffer)].push_back({&data, p.offset});
  };
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
  fill(c.in, program, b.in_access, b.in);
  fill(c.out, elementwise, b.out_access, b.out);
  if (program)
    b.program = {c.dtype,
                 static_cast<int>(c.in.size()),
                 static_cast<int>(c.immediates.size()),
                 c.immediates.data(),
                 static_cast<int>(c.code.size()),
                 c.code.data(),
                 static_cast<int>(c.out.size()),
                 c.results.data()};
}

void Replay::make(const Bound& b) const {
  const Call& c = *b.call;
  const Backend& on = *c.backend;
  const auto& in = b.in;
  const auto& out = b.out;
  const auto key = [&] { return KeyWords{{c.words[0], c.words[1]}, c.keyed ? static_cast<const int64_t*>(in[0].data) : nullptr}; };
  switch (c.entry) {
    case Entry::elementwise:
      return on.elementwise(b.program, c.out[0].shape, b.in_access.data(), b.out_access.data());
    case Entry::copy:
      return on.copy(out[0], in[0]);
    case Entry::fill:
      return on.fill(out[0], c.immediates[0]);
    case Entry::reduce:
      if (!c.code.empty())
        return on.reduce_program(static_cast<Reduction>(c.kind), out[0], b.program, c.in[0].shape, b.in_access.data(), c.axes);
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
      return on.random(static_cast<Random>(c.kind), out[0], key(), c.offset);
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

bool Replay::takes(const Tensors& arguments) const {
  for (const Buffer& b : sequence_.buffers)
    for (const Tensor& x : arguments)
      if (b.kind == Buffer::captured && b.storage.get() == x.body().storage.get()) return false;
  return true;
}

Tensors Replay::run(const Tensors& arguments, Where at) {
  std::vector<Ref<Storage>> fresh(sequence_.buffers.size());
  for (size_t b = 0; b < moving_.size(); ++b) {
    const Buffer& buffer = sequence_.buffers[b];
    if (buffer.kind == Buffer::input)
      fresh[b] = arguments[static_cast<size_t>(buffer.slot)].body().storage;
    else if (buffer.kind == Buffer::output)
      fresh[b] = Ref<Storage>(new Storage(at, buffer.bytes, buffer.device));
    else if (buffer.kind == Buffer::captured)
      fresh[b] = buffer.storage;
  }
  const bool together = launch_.obstacle().empty();
  for (size_t b = 0; b < moving_.size(); ++b)
    for (const Moving& m : moving_[b]) *m.pointer = (together ? launch_.first_byte(b) : static_cast<char*>(fresh[b]->data)) + m.offset;
  const auto make_all = [this] {
    for (const Bound& b : bound_) make(b);
  };
  if (together)
    launch_.run(fresh, make_all);
  else
    make_all();
  for (Storage* s : written_) {
    s->version += 1;
    s->last_writer = "a compiled step";
    s->last_write = at;
  }
  Tensors results;
  for (const Place& p : sequence_.results) {
    if (p.buffer < 0) {
      results.push_back(allocate(at, p.shape, p.dtype, cpu));
      continue;
    }
    Ref<Body> body(new Body);
    body->shape = p.shape;
    body->strides = p.strides;
    body->offset = p.offset / static_cast<int64_t>(size_of(p.dtype));
    body->dtype = p.dtype;
    body->storage = fresh[static_cast<size_t>(p.buffer)];
    results.emplace_back(std::move(body));
  }
  return results;
}

}  // namespace scoregrad::compiled
