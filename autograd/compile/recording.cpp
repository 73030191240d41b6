#include "autograd/compile/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "autograd/backend/caller.h"

namespace scoregrad::compiled {
namespace {

const Backend& real(Device::Kind kind) { return kind == Device::cpu_kind ? cpu_backend() : backend(cuda); }

// The bytes that a strided view spans, from its lowest element to its highest.
struct Span {
  const char* begin;
  size_t bytes;
};
Span span_of(const View& v) {
  int64_t low = 0, high = 0;
  for (int i = 0; i < v.shape.rank; ++i) (v.strides[i] < 0 ? low : high) += v.strides[i] * (v.shape[i] - 1);
  const auto size = static_cast<int64_t>(size_of(v.dtype));
  return {static_cast<const char*>(v.data) + low * size, static_cast<size_t>((high - low + 1) * size)};
}

// All bytes of one storage into another, below any recorder.
void copy_bytes(const Storage& to, const Storage& from) {
  const auto n = static_cast<int64_t>(from.bytes);
  real(from.device.kind).copy({to.data, DType::boolean, {n}, {1}}, {from.data, DType::boolean, {n}, {1}});
}

class Notes final : public Recorder {
 public:
  Notes(const Tensors& arguments, bool lenient) : lenient_(lenient) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      Storage& s = *arguments[i].body().storage;
      if (s.bytes == 0 || !live_.try_emplace(static_cast<char*>(s.data), Live{static_cast<int>(sequence_.buffers.size()), s.bytes}).second)
        continue;
      add_buffer({.kind = Buffer::input, .bytes = s.bytes, .device = s.device, .slot = static_cast<int>(i)}, &s);
    }
  }

  const Backend& table(Device device) override;
  void born(const Storage& s, Where at) override {
    line_ = caller_line ? caller_line : at;
    if (s.bytes == 0) return;
    live_[static_cast<char*>(s.data)] = {static_cast<int>(sequence_.buffers.size()), s.bytes};
    add_buffer({.bytes = s.bytes, .device = s.device, .at = line_});
  }
  void died(const Storage& s) noexcept override { live_.erase(static_cast<char*>(s.data)); }
  void seen(Storage& s) override {
    if (s.bytes == 0 || live_.count(static_cast<char*>(s.data))) return;
    live_[static_cast<char*>(s.data)] = {static_cast<int>(sequence_.buffers.size()), s.bytes};
    add_buffer({.kind = Buffer::captured, .bytes = s.bytes, .device = s.device, .storage = Ref<Storage>(&s)}, &s);
  }

  Call call(Entry entry, Device::Kind kind) const {
    Call c{.entry = entry, .backend = &real(kind), .at = caller_line ? caller_line : line_};
    c.region = RecomputationScope::region;
    return c;
  }
  void read(Call& c, const View& v) { c.in.push_back(place(v, true, c)); }
  void write(Call& c, const View& v) {
    c.out.push_back(place(v, false, c));
    if (c.out.back().buffer >= 0) about_to_write(c.out.back().buffer);
  }
  void key(Call& c, KeyWords k) {
    c.keyed = k.address != nullptr;
    if (c.keyed)
      read(c, {const_cast<int64_t*>(k.address), DType::int64, {2}, {1}});
    else
      std::copy(k.words, k.words + 2, c.words);
  }
  void note(Call&& c) { sequence_.calls.push_back(std::move(c)); }
  // Bytes from the host: part of the step.
  void constant(const Backend& backend, int buffer, int64_t offset, const char* bytes, size_t count) {
    Call c{.entry = Entry::constant, .backend = &backend, .at = line_};
    const auto n = static_cast<int64_t>(count);
    c.out.push_back({buffer, offset, DType::boolean, {n}, {1}});
    c.bytes.assign(bytes, bytes + count);
    note(std::move(c));
    about_to_write(buffer);
  }

  Place find(const void* data, DType dtype, const Shape& shape, const Strides& strides) const {
    const auto* address = static_cast<const char*>(data);
    auto next = live_.upper_bound(const_cast<char*>(address));
    if (next == live_.begin()) return {-1, 0, dtype, shape, strides};
    const auto& [base, l] = *std::prev(next);
    if (address >= base + l.bytes) return {-1, 0, dtype, shape, strides};
    return {l.buffer, address - base, dtype, shape, strides};
  }
  Where line() const { return line_; }
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
    int buffer;
    size_t bytes;
  };

  void add_buffer(Buffer b, Storage* older = nullptr) {
    sequence_.buffers.push_back(std::move(b));
    written_.push_back(0);
    older_.emplace_back(older);
  }
  void about_to_write(int buffer) {
    const auto b = static_cast<size_t>(buffer);
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
  Place place(const View& v, bool reading, const Call& c) {
    if (numel(v.shape) == 0) return {-1, 0, v.dtype, v.shape, v.strides};
    Place p = find(v.data, v.dtype, v.shape, v.strides);
    if (p.buffer < 0) {  // the host's own memory, read by a kernel of the CPU
      const Span s = span_of(v);
      p.buffer = static_cast<int>(sequence_.buffers.size());
      p.offset = static_cast<const char*>(v.data) - s.begin;
      add_buffer({.bytes = s.bytes, .at = line_});
      constant(cpu_backend(), p.buffer, 0, s.begin, s.bytes);
    } else if (reading && sequence_.buffers[static_cast<size_t>(p.buffer)].kind == Buffer::temporary &&
               !written_[static_cast<size_t>(p.buffer)] && c.backend == &cpu_backend()) {  // filled by the host without a call
      const size_t bytes = sequence_.buffers[static_cast<size_t>(p.buffer)].bytes;
      constant(cpu_backend(), p.buffer, 0, static_cast<const char*>(v.data) - p.offset, bytes);
    }
    return p;
  }

  std::map<char*, Live> live_;
  Sequence sequence_;
  std::vector<char> written_;        // by buffer
  std::vector<Ref<Storage>> older_;  // by buffer: what was there before the step
  std::vector<Overwritten> overwritten_;
  Where line_;
  bool lenient_;
  std::string refusal_;
};

Notes& notes() { return static_cast<Notes&>(*recorder); }

// The table of a device while recording: every entry notes its call, then makes it.
template <Device::Kind K>
struct Noting {
  static Call start(Entry e) { return notes().call(e, K); }
  static View as_view(const Access& a, const Shape& shape) { return {a.data, a.dtype, shape, a.strides}; }

  static void elementwise(const Program& p, const Shape& shape, const Access* in, const Access* out) {
    if (numel(shape) > 0) {
      Call c = start(Entry::elementwise);
      c.dtype = p.dtype;
      c.immediates.assign(p.immediates, p.immediates + p.immediate_count);
      c.code.assign(p.code, p.code + p.length);
      c.results.assign(p.results, p.results + p.outputs);
      for (int i = 0; i < p.inputs; ++i) notes().read(c, as_view(in[i], shape));
      for (int i = 0; i < p.outputs; ++i) notes().write(c, as_view(out[i], shape));
      notes().note(std::move(c));
    }
    real(K).elementwise(p, shape, in, out);
  }
  // An entry with plain operands: set(call) states its attributes.
  template <class Set, class Run>
  static void structural(Entry e, std::initializer_list<const View*> out, std::initializer_list<const View*> in, Set set, Run run) {
    bool empty = true;
    for (const View* v : out) empty = empty && numel(v->shape) == 0;
    if (!empty) {
      Call c = start(e);
      set(c);
      for (const View* v : in) notes().read(c, *v);
      for (const View* v : out) notes().write(c, *v);
      notes().note(std::move(c));
    }
    run(real(K));
  }
  static void copy(const View& out, const View& in) {
    structural(
        Entry::copy, {&out}, {&in}, [](Call&) {}, [&](const Backend& b) { b.copy(out, in); });
  }
  static void fill(const View& out, Immediate value) {
    structural(
        Entry::fill, {&out}, {}, [&](Call& c) { c.immediates = {value}; }, [&](const Backend& b) { b.fill(out, value); });
  }
  static void reduce(Reduction kind, const View& out, const View& in, const Axes& axes) {
    const auto set = [&](Call& c) { c.kind = static_cast<int>(kind), c.axes = axes; };
    structural(Entry::reduce, {&out}, {&in}, set, [&](const Backend& b) { b.reduce(kind, out, in, axes); });
  }
  static void cumsum(const View& out, const View& in, int axis) {
    structural(
        Entry::cumsum, {&out}, {&in}, [&](Call& c) { c.axis = axis; }, [&](const Backend& b) { b.cumsum(out, in, axis); });
  }
  static void sort(const View& values, const View& order, const View& in, int axis, bool descending) {
    const auto set = [&](Call& c) { c.axis = axis, c.flag = descending; };
    structural(Entry::sort, {&values, &order}, {&in}, set, [&](const Backend& b) { b.sort(values, order, in, axis, descending); });
  }
  static void gather(Where at, const View& out, const View& in, const View& index, int axis) {
    const auto set = [&](Call& c) { c.axis = axis, c.at = at; };
    structural(Entry::gather, {&out}, {&in, &index}, set, [&](const Backend& b) { b.gather(at, out, in, index, axis); });
  }
  static void index_select(Where at, const View& out, const View& in, const View& index, int axis) {
    const auto set = [&](Call& c) { c.axis = axis, c.at = at; };
    structural(Entry::index_select, {&out}, {&in, &index}, set, [&](const Backend& b) { b.index_select(at, out, in, index, axis); });
  }
  // These add to what `out` holds, so they read it too.
  static void scatter_add(Where at, const View& out, const View& index, const View& in, int axis) {
    const auto set = [&](Call& c) { c.axis = axis, c.at = at; };
    structural(Entry::scatter_add, {&out}, {&index, &in, &out}, set, [&](const Backend& b) { b.scatter_add(at, out, index, in, axis); });
  }
  static void index_add(Where at, const View& out, const View& index, const View& in, int axis) {
    const auto set = [&](Call& c) { c.axis = axis, c.at = at; };
    structural(Entry::index_add, {&out}, {&index, &in, &out}, set, [&](const Backend& b) { b.index_add(at, out, index, in, axis); });
  }
  static void matmul(const View& out, const View& a, const View& b) {
    structural(
        Entry::matmul, {&out}, {&a, &b}, [](Call&) {}, [&](const Backend& x) { x.matmul(out, a, b); });
  }
  static void random(Random kind, const View& out, KeyWords key, uint64_t offset) {
    const auto set = [&](Call& c) { c.kind = static_cast<int>(kind), c.offset = offset, notes().key(c, key); };
    structural(Entry::random, {&out}, {}, set, [&](const Backend& b) { b.random(kind, out, key, offset); });
  }
  static void fold(const View& out, KeyWords key, const View& data) {
    structural(
        Entry::fold, {&out}, {&data}, [&](Call& c) { notes().key(c, key); }, [&](const Backend& b) { b.fold(out, key, data); });
  }
  static void cholesky(Where at, const View& out, const View& in) {
    structural(
        Entry::cholesky, {&out}, {&in}, [&](Call& c) { c.at = at; }, [&](const Backend& b) { b.cholesky(at, out, in); });
  }
  static void solve(Where at, const View& out, const View& a, const View& b) {
    structural(
        Entry::solve, {&out}, {&a, &b}, [&](Call& c) { c.at = at; }, [&](const Backend& x) { x.solve(at, out, a, b); });
  }
  static void triangular_solve(Where at, const View& out, const View& a, const View& b, Triangle triangle, bool transposed) {
    const auto set = [&](Call& c) { c.at = at, c.kind = static_cast<int>(triangle), c.flag = transposed; };
    structural(Entry::triangular_solve, {&out}, {&a, &b}, set,
               [&](const Backend& x) { x.triangular_solve(at, out, a, b, triangle, transposed); });
  }
  static void logabsdet(Where at, const View& logabs, const View& sign, const View& a) {
    structural(
        Entry::logabsdet, {&logabs, &sign}, {&a}, [&](Call& c) { c.at = at; }, [&](const Backend& b) { b.logabsdet(at, logabs, sign, a); });
  }
  static void symeig(Where at, const View& values, const View& vectors, const View& in) {
    structural(
        Entry::symeig, {&values, &vectors}, {&in}, [&](Call& c) { c.at = at; },
        [&](const Backend& b) { b.symeig(at, values, vectors, in); });
  }
  static void convolution(Where at, ConvolutionPart part, const View& out, const View& a, const View& b, const Convolution& geometry) {
    const auto set = [&](Call& c) { c.at = at, c.kind = static_cast<int>(part), c.geometry = geometry; };
    structural(Entry::convolution, {&out}, {&a, &b}, set, [&](const Backend& x) { x.convolution(at, part, out, a, b, geometry); });
  }
  static void upload(void* device, const void* host, size_t bytes) {
    const Place p = notes().find(device, DType::boolean, {static_cast<int64_t>(bytes)}, {1});
    notes().constant(real(K), p.buffer, p.offset, static_cast<const char*>(host), bytes);
    real(K).upload(device, host, bytes);
  }
  static void download(void* host, const void* device, size_t bytes) {
    notes().refuse(caller_line ? caller_line : notes().line(),
                   "a value was read on the host (item, to_vector, printing, saving) inside a compiled step, where the next step would not "
                   "see it change; return the tensor and read it outside");
    real(K).download(host, device, bytes);
  }

  static Backend table() {
    Backend b = real(K);  // memory and its statistics as ever
    b.upload = upload;
    b.download = download;
    b.elementwise = elementwise;
    b.copy = copy;
    b.fill = fill;
    b.reduce = reduce;
    b.cumsum = cumsum;
    b.sort = sort;
    b.gather = gather;
    b.scatter_add = scatter_add;
    b.index_select = index_select;
    b.index_add = index_add;
    b.matmul = matmul;
    b.random = random;
    b.fold = fold;
    b.cholesky = cholesky;
    b.solve = solve;
    b.triangular_solve = triangular_solve;
    b.logabsdet = logabsdet;
    b.symeig = symeig;
    b.convolution = convolution;
    return b;
  }
};

const Backend& Notes::table(Device device) {
  if (device.kind == Device::cpu_kind) {
    static const Backend b = Noting<Device::cpu_kind>::table();
    return b;
  }
  static const Backend b = Noting<Device::cuda_kind>::table();
  return b;
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
    if (p.buffer < 0 && y.body().storage->bytes > 0) {  // captured, and touched by no call
      seen(*y.body().storage);
      p = find(y.body().storage->data, y.dtype(), y.shape(), y.strides());
    }
    p.offset = y.body().offset * static_cast<int64_t>(size_of(y.dtype()));
    if (p.buffer >= 0 && sequence_.buffers[static_cast<size_t>(p.buffer)].kind == Buffer::temporary)
      sequence_.buffers[static_cast<size_t>(p.buffer)].kind = Buffer::output;
    if (lenient_ && p.buffer >= 0 && sequence_.buffers[static_cast<size_t>(p.buffer)].kind == Buffer::output && kept_elsewhere(results, i))
      return refuse(at, fmt::format("result {} is also kept in a handle outside the step, which a replay would not renew", i));
    sequence_.results.push_back(p);
  }
  for (const auto& [address, l] : live_) {
    const Buffer& b = sequence_.buffers[static_cast<size_t>(l.buffer)];
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
