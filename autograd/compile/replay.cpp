#include "autograd/compile/replay.h"

#include <algorithm>

namespace scoregrad::compiled {
Replay::Replay(Sequence planned, OneLaunch use, Where at)
    : sequence_(std::move(planned)), launch_(sequence_, use, at), moving_(sequence_.buffers.size()) {
  for (const Arena& a : sequence_.arenas) arenas_.push_back(a.bytes > 0 ? allocate(at, {a.bytes}, DType::boolean, a.device) : Tensor());
  const auto arena = [&](Device device) {
    size_t k = 0;
    while (sequence_.arenas[k].device != device) ++k;
    return arenas_[k].bytes();
  };
  base_.resize(sequence_.buffers.size());
  for (size_t b = 0; b < base_.size(); ++b) {
    const Buffer& buffer = sequence_.buffers[b];
    if (buffer.kind == Buffer::captured)
      base_[b] = static_cast<char*>(buffer.storage->data);
    else if (buffer.kind == Buffer::temporary && buffer.band == none && sequence_.arena_offset[b] >= 0)
      base_[b] = arena(buffer.device) + sequence_.arena_offset[b];
  }
  for (size_t i = 0; i < sequence_.calls.size(); ++i) {
    const size_t band = band_of(sequence_, i);
    if (sequence_.once[i]) {
      bind(i);
      bound_.back()();
      bound_.pop_back();
    } else if (band == none) {
      bind(i);
    } else if (i == sequence_.bands[band].first) {
      before_.push_back(bound_.size());
      bands_.emplace_back(sequence_, band, at);
    }
    for (const Place& p : sequence_.calls[i].out)
      if (p.buffer != none && sequence_.buffers[p.buffer].kind == Buffer::captured) {
        Storage* s = sequence_.buffers[p.buffer].storage.get();
        if (std::find(written_.begin(), written_.end(), s) == written_.end()) written_.push_back(s);
      }
  }
}

void Replay::bind(size_t index) {
  bound_.emplace_back(sequence_.calls[index], [&](void*& data, const Place& p) {
    data = nullptr;
    if (p.buffer == none) return;
    const size_t b = p.buffer;
    const Buffer::Kind kind = sequence_.buffers[b].kind;
    if (kind == Buffer::captured || kind == Buffer::temporary)
      data = base_[b] + p.offset;
    else
      moving_[b].push_back({&data, p.offset});
  });
}

bool Replay::takes(const Tensors& arguments) const {
  for (const Buffer& b : sequence_.buffers)
    for (const Tensor& x : arguments)
      if (b.kind == Buffer::captured && b.storage.get() == x.body().storage.get()) return false;
  return true;
}

void Replay::make_all(Where at) {
  size_t done = 0;
  for (size_t k = 0; k <= bands_.size(); ++k) {
    for (const size_t end = k < bands_.size() ? before_[k] : bound_.size(); done < end; ++done) bound_[done]();
    if (k < bands_.size()) bands_[k].run(base_, at);
  }
}

Tensors Replay::run(const Tensors& arguments, Where at) {
  std::vector<Ref<Storage>> fresh(sequence_.buffers.size());
  for (size_t b = 0; b < moving_.size(); ++b) {
    const Buffer& buffer = sequence_.buffers[b];
    if (buffer.kind == Buffer::input)
      fresh[b] = arguments[buffer.slot].body().storage;
    else if (buffer.kind == Buffer::output)
      fresh[b] = Ref<Storage>(new Storage(at, buffer.bytes, buffer.device));
    else if (buffer.kind == Buffer::captured)
      fresh[b] = buffer.storage;
  }
  const bool together = launch_.obstacle().empty();
  for (size_t b = 0; b < moving_.size(); ++b) {
    const Buffer::Kind kind = sequence_.buffers[b].kind;
    if (kind == Buffer::input || kind == Buffer::output) base_[b] = together ? launch_.first_byte(b) : static_cast<char*>(fresh[b]->data);
    for (const Moving& m : moving_[b]) *m.pointer = base_[b] + m.offset;
  }
  if (together)
    launch_.run(fresh, [this, at] { make_all(at); });
  else
    make_all(at);
  for (Storage* s : written_) {
    s->version += 1;
    s->last_writer = "a compiled step";
    s->last_write = at;
  }
  Tensors results;
  for (const Place& p : sequence_.results) {
    if (p.buffer == none) {
      results.push_back(allocate(at, p.shape, p.dtype, cpu));
      continue;
    }
    Ref<Body> body(new Body);
    body->shape = p.shape;
    body->strides = p.strides;
    body->offset = p.offset / static_cast<int64_t>(size_of(p.dtype));
    body->dtype = p.dtype;
    body->storage = fresh[p.buffer];
    results.emplace_back(std::move(body));
  }
  return results;
}

}  // namespace scoregrad::compiled
