#include "autograd/compile/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <type_traits>

#include "autograd/backend/caller.h"

namespace scoregrad::compiled {
namespace {

// The bytes that a strided view spans, from its lowest element to its highest.
struct Touched {
  const char* begin;
  size_t bytes;
};
Touched touched_by(const View& v) {
  int64_t low = 0, high = 0;
  for (int i = 0; i < v.shape.rank; ++i) (v.strides[i] < 0 ? low : high) += v.strides[i] * (v.shape[i] - 1);
  const auto size = static_cast<int64_t>(size_of(v.dtype));
  return {static_cast<const char*>(v.data) + low * size, static_cast<size_t>((high - low + 1) * size)};
}

// All bytes of one storage into another, below any recorder.
void copy_bytes(const Storage& to, const Storage& from) {
  const auto n = static_cast<int64_t>(from.bytes);
  from.backend->call({}, calls::Copy{{to.data, DType::boolean, {n}, {1}}, {from.data, DType::boolean, {n}, {1}}});
}

// A device's table while recording: each entry notes its call, then makes it. There is no other way to fill it.
struct Noting : Backend {
  const Backend& real;
  explicit Noting(const Backend& b);  // memory and its statistics as ever
};

class Notes final : public Recorder {
 public:
  Notes(const Tensors& arguments, bool lenient) : lenient_(lenient) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      Storage& s = *arguments[i].body().storage;
      if (s.bytes == 0 || !live_.try_emplace(static_cast<char*>(s.data), Live{sequence_.buffers.size(), s.bytes}).second) continue;
      add_buffer({.kind = Buffer::input, .bytes = s.bytes, .device = s.device, .slot = i}, &s);
    }
  }

  const Backend& table(Device device) override;
  void born(const Storage& s, Where at) override {
    line_ = caller_line ? caller_line : at;
    if (s.bytes == 0) return;
    live_[static_cast<char*>(s.data)] = {sequence_.buffers.size(), s.bytes};
    add_buffer({.bytes = s.bytes, .device = s.device, .at = line_});
  }
  void died(const Storage& s) noexcept override { live_.erase(static_cast<char*>(s.data)); }
  void seen(Storage& s) override {
    if (s.bytes == 0 || live_.count(static_cast<char*>(s.data))) return;
    live_[static_cast<char*>(s.data)] = {sequence_.buffers.size(), s.bytes};
    add_buffer({.kind = Buffer::captured, .bytes = s.bytes, .device = s.device, .storage = Ref<Storage>(&s)}, &s);
  }

  template <class C>
  void note(const Backend& real, Where at, const C& c) {
    bool writes = false, empty = true;
    calls::for_each_operand(c, [&](const View& v, calls::Direction d) {
      if (d == calls::Direction::in) return;
      writes = true;
      empty = empty && numel(v.shape) == 0;
    });
    if (writes && empty) return;
    Call noted{.what = c, .backend = &real, .at = caller_line ? caller_line : at ? at : line_, .region = RecomputationScope::region};
    calls::for_each_operand(c, [&](const View& v, calls::Direction d) {
      if (d != calls::Direction::out) noted.in.push_back(place(v, true, real));
    });
    calls::for_each_operand(c, [&](const View& v, calls::Direction d) {
      if (d == calls::Direction::in) return;
      noted.out.push_back(place(v, false, real));
      if (noted.out.back().buffer != none) about_to_write(noted.out.back().buffer);
    });
    std::visit([&](auto& what) { what.fields([&](auto&... field) { (keep(noted, field), ...); }); }, noted.what);
    sequence_.calls.push_back(std::move(noted));
  }
  // Bytes from the host: part of the step.
  void constant(size_t buffer, const char* bytes, size_t count) {
    Call c{.what = calls::Upload{}, .backend = &cpu_backend(), .at = line_};
    c.out.push_back({buffer, 0, DType::boolean, {static_cast<int64_t>(count)}, {1}});
    c.bytes.assign(bytes, bytes + count);
    sequence_.calls.push_back(std::move(c));
    about_to_write(buffer);
  }

  // What a field points to becomes the record's, and an operand's address goes.
  template <calls::Direction d>
  static void keep(Call&, calls::Directed<d>& v) {
    v = {};
  }
  static void keep(Call&, calls::Inputs& i) { i = {}; }
  static void keep(Call&, calls::Outputs& o) { o = {}; }
  static void keep(Call&, calls::Over& shape) { shape = {}; }
  static void keep(Call& c, Program& p) {
    c.dtype = p.dtype;
    c.immediates.assign(p.immediates, p.immediates + p.immediate_count);
    c.code.assign(p.code, p.code + p.length);
    c.results.assign(p.results, p.results + p.outputs);
    p = {};
  }
  static void keep(Call& c, calls::FromHost& h) {
    const char* bytes = static_cast<const char*>(h.data);
    c.bytes.assign(bytes, bytes + h.bytes);
    h = {};
  }
  void keep(Call& c, calls::ToHost& h) {
    h = {};
    refuse(c.at,
           "a value was read on the host (item, to_vector, printing, saving) inside a compiled step, where the next step would not see it "
           "change; return the tensor and read it outside");
  }
  template <class Attribute>
  static void keep(Call&, Attribute&) {}

  Place find(const void* data, DType dtype, const Shape& shape, const Strides& strides) const {
    const auto* address = static_cast<const char*>(data);
    auto next = live_.upper_bound(const_cast<char*>(address));
    if (next == live_.begin()) return {none, 0, dtype, shape, strides};
    const auto& [base, l] = *std::prev(next);
    if (address >= base + l.bytes) return {none, 0, dtype, shape, strides};
    return {l.buffer, address - base, dtype, shape, strides};
  }
  // What a replay could not do.
  void refuse(Where at, const std::string& why) {
    const Error e(at, "compile: " + why);
    if (!lenient_) throw e;
    if (refusal_.empty()) refusal_ = e.what();
  }
  void finish(const Tensors& results, Where at);
  Recorded recorded(Tensors results) { return {std::move(results), std::move(sequence_), std::move(refusal_), std::move(overwritten_)}; }

 private:
  struct Live {
    size_t buffer;
    size_t bytes;
  };

  void add_buffer(Buffer b, Storage* older = nullptr) {
    sequence_.buffers.push_back(std::move(b));
    written_.push_back(0);
    older_.emplace_back(older);
  }
  void about_to_write(size_t b) {
    if (lenient_ && !written_[b] && older_[b]) {
      recorder = nullptr;  // the copy is not the step's
      try {
        overwritten_.push_back({older_[b], Ref<Storage>(new Storage(line_, older_[b]->bytes, older_[b]->device))});
        copy_bytes(*overwritten_.back().before, *older_[b]);
      } catch (const Error& e) {
        refuse(line_, fmt::format("what the step overwrites could not be kept aside ({})", e.what()));
      }
      recorder = this;
    }
    written_[b] = 1;
  }
  Place place(const View& v, bool reading, const Backend& on) {
    if (numel(v.shape) == 0) return {none, 0, v.dtype, v.shape, v.strides};
    Place p = find(v.data, v.dtype, v.shape, v.strides);
    if (p.buffer == none) {  // the host's own memory, read by a kernel of the CPU
      const Touched s = touched_by(v);
      p.buffer = sequence_.buffers.size();
      p.offset = static_cast<const char*>(v.data) - s.begin;
      add_buffer({.bytes = s.bytes, .at = line_});
      constant(p.buffer, s.begin, s.bytes);
    } else if (reading && sequence_.buffers[p.buffer].kind == Buffer::temporary && !written_[p.buffer] &&
               &on == &cpu_backend()) {  // filled by the host without a call
      const size_t bytes = sequence_.buffers[p.buffer].bytes;
      constant(p.buffer, static_cast<const char*>(v.data) - p.offset, bytes);
    }
    return p;
  }

  std::map<const Backend*, Noting> tables_;
  std::map<char*, Live> live_;
  Sequence sequence_;
  std::vector<char> written_;        // by buffer
  std::vector<Ref<Storage>> older_;  // by buffer: what was there before the step
  std::vector<Overwritten> overwritten_;
  Where line_;
  bool lenient_;
  std::string refusal_;
};

template <class... C>
void note_all(Backend& b, calls::List<C...>) {
  const auto add = [](auto& entry, auto note) {
    if (entry.run) entry.run = note;
  };
  (add(static_cast<Entry<C>&>(b.entries),
       [](const Backend& self, Where at, const C& c) {
         const Backend& real = static_cast<const Noting&>(self).real;
         static_cast<Notes&>(*recorder).note(real, at, c);
         real.call(at, c);
       }),
   ...);
}
Noting::Noting(const Backend& b) : Backend(b), real(b) { note_all(*this, calls::All{}); }

const Backend& Notes::table(Device device) {
  const Backend& real = backend(device);
  return tables_.try_emplace(&real, real).first->second;
}

// True if somebody besides `results` holds the bytes of their i-th.
bool kept_elsewhere(const Tensors& results, size_t i) {
  const Storage* storage = results[i].body().storage.get();
  std::vector<const Body*> bodies;
  uint32_t handles = 0, references = 0;
  for (const Tensor& y : results) {
    if (y.body().storage.get() != storage) continue;
    ++handles;
    if (std::find(bodies.begin(), bodies.end(), &y.body()) != bodies.end()) continue;
    bodies.push_back(&y.body());
    references += y.body().references();
  }
  return references > handles || storage->references() > bodies.size();
}

void Notes::finish(const Tensors& results, Where at) {
  for (size_t i = 0; i < results.size(); ++i) {
    const Tensor& y = results[i];
    if (!y.defined()) return refuse(at, fmt::format("result {} is undefined", i));
    if (y.tracked())
      return refuse(at, fmt::format("result {} is part of a recorded computation ({}), which a replayed step does not have; return "
                                    "detach() of it, or its gradients",
                                    i, y.made_by()));
    Place p = find(y.body().storage->data, y.dtype(), y.shape(), y.strides());
    if (p.buffer == none && y.body().storage->bytes > 0) {  // captured, and touched by no call
      seen(*y.body().storage);
      p = find(y.body().storage->data, y.dtype(), y.shape(), y.strides());
    }
    p.offset = y.body().offset * static_cast<int64_t>(size_of(y.dtype()));
    if (p.buffer != none && sequence_.buffers[p.buffer].kind == Buffer::temporary) sequence_.buffers[p.buffer].kind = Buffer::output;
    if (lenient_ && p.buffer != none && sequence_.buffers[p.buffer].kind == Buffer::output && kept_elsewhere(results, i))
      return refuse(at, fmt::format("result {} is also kept in a handle outside the step, which a replay would not renew", i));
    sequence_.results.push_back(p);
  }
  for (const auto& [address, l] : live_) {
    const Buffer& b = sequence_.buffers[l.buffer];
    if (b.kind == Buffer::temporary)
      return refuse(b.at ? b.at : at,
                    "a tensor made in the step outlives it without being returned; a replayed step would not renew it: return it, or "
                    "write it with copy_ into a tensor that exists before the step");
  }
}

}  // namespace

Recorded record(const Step& f, const Tensors& arguments, Where at, bool lenient) {
  Notes notes(arguments, lenient);
  struct Watch {
    explicit Watch(Recorder* r) { recorder = r; }
    ~Watch() { recorder = nullptr; }
  } watch(&notes);
  Tensors results = f(arguments);
  notes.finish(results, at);
  return notes.recorded(std::move(results));
}

void undo(const Recorded& r) {
  for (const Overwritten& o : r.overwritten) copy_bytes(*o.storage, *o.before);
}

}  // namespace scoregrad::compiled
