#include "autograd/compile/fast/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "autograd/backend/environment.h"
#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

// In the 4 us in which a host makes a call a GPU copies some 5 MB; a quarter of that leaves the saving. A launch costs as much as a call or
// two and so does each copy.
constexpr int64_t bytes_per_call = int64_t{1} << 20;
constexpr size_t calls_of_a_launch = 2;

// On request, what became of a step on a GPU.
void log(Where at, const std::string& what) {
  static const bool wanted = environment_choice("SCOREGRAD_COMPILE") == "log";
  if (wanted) fmt::print(stderr, "scoregrad: the step that begins at {}:{} is {}\n", at.file ? at.file : "?", at.line, what);
}

}  // namespace

Sequence launch(Sequence s) {
  s.one_launch = true;
  return s;
}

Launch::Launch(const Sequence& s, OneLaunch use, Where at) : at_(s.calls.empty() || !s.calls[0].at ? at : s.calls[0].at) {
  decide(s, use);
  if (backend_ && !obstacle_.empty()) log(at_, "replayed call by call: " + obstacle_);
}

void Launch::decide(const Sequence& s, OneLaunch use) {
  size_t calls = 0;
  for (size_t i = 0; i < s.calls.size(); ++i) {
    if (s.once[i]) continue;
    ++calls;
    const Backend* b = s.calls[i].backend;
    if (!b->begin_graph)
      obstacle_ = fmt::format("{} runs on the {}", name_of(s.calls[i]), b->name);
    else
      backend_ = b;
    for (const Place& p : s.calls[i].out)
      if (p.buffer != none) device_ = s.buffers[p.buffer].device;
  }
  if (use == OneLaunch::never || !s.one_launch) obstacle_ = "it is switched off";
  if (calls == 0) obstacle_ = "there are no calls";
  if (!obstacle_.empty()) return;

  find_moved(s);
  int64_t bytes = 0;
  size_t copies = 0;
  for (Moved& m : moved_) {
    m.at = bytes;
    bytes += aligned(m.bytes);
    copies += static_cast<size_t>(m.in) + static_cast<size_t>(m.out);
  }
  if (use == OneLaunch::where_it_pays && (calls <= copies + calls_of_a_launch || bytes > static_cast<int64_t>(calls) * bytes_per_call)) {
    obstacle_ = fmt::format("{} calls do not pay for {} copies of {} bytes", calls, copies, bytes);
    return;
  }
  if (bytes > 0) own_ = allocate(at_, {bytes}, DType::boolean, device_);
}

Launch::~Launch() { forget(); }

void Launch::find_moved(const Sequence& s) {
  std::vector<size_t> index(s.buffers.size(), SIZE_MAX);
  const auto touch = [&](const Place& p, bool written) {
    if (p.buffer == none) return;
    const size_t b = p.buffer;
    const Buffer::Kind kind = s.buffers[b].kind;
    if (kind != Buffer::input && kind != Buffer::output) return;
    auto [begin, end] = span_of(p);
    begin = begin / alignment * alignment;  // what is aligned there is aligned here
    if (index[b] == SIZE_MAX) {
      index[b] = moved_.size();
      moved_.push_back({b, begin, end - begin, 0, kind == Buffer::input, kind == Buffer::output});
    }
    Moved& m = moved_[index[b]];
    const int64_t last = std::max(m.begin + m.bytes, end);
    m.begin = std::min(m.begin, begin);
    m.bytes = last - m.begin;
    m.out = m.out || written;
  };
  for (size_t i = 0; i < s.calls.size(); ++i) {
    if (s.once[i]) continue;
    for (const Place& p : s.calls[i].in) touch(p, false);
    for (const Place& p : s.calls[i].out) touch(p, true);
  }
}

char* Launch::first_byte(size_t buffer) const {
  for (const Moved& m : moved_)
    if (m.buffer == buffer) return own_.bytes() + m.at - m.begin;
  return nullptr;
}

void Launch::copy(const Moved& m, const Storage& there, bool in) const {
  const auto bytes = [&](char* data) { return View{data, DType::boolean, {m.bytes}, {1}}; };
  const View here = bytes(own_.bytes() + m.at), outside = bytes(static_cast<char*>(there.data) + m.begin);
  backend_->call(at_, calls::Copy{in ? here : outside, in ? outside : here});
}

void Launch::run(const std::vector<Ref<Storage>>& memory, const std::function<void()>& make) {
  if (graph_ && precision_ != matmul_precision()) forget();  // the products that were taken down have the other one
  for (const Moved& m : moved_)
    if (m.in) copy(m, *memory[m.buffer], true);
  if (!graph_ && warm_) take_down(make);
  if (graph_)
    backend_->launch_graph(graph_);
  else
    make();
  warm_ = true;
  for (const Moved& m : moved_)
    if (m.out) copy(m, *memory[m.buffer], false);
  if (!obstacle_.empty()) own_ = Tensor();
}

void Launch::take_down(const std::function<void()>& make) {
  bool begun = false;
  try {
    backend_->begin_graph();
    begun = true;
    make();
    begun = false;
    graph_ = backend_->end_graph(true);
    precision_ = matmul_precision();
    log(at_, "one launch");
  } catch (const Error& e) {
    if (begun) backend_->end_graph(false);
    obstacle_ = e.what();
    log(at_, "replayed call by call: " + obstacle_);
  } catch (...) {
    if (begun) backend_->end_graph(false);
    throw;
  }
}

void Launch::forget() {
  if (graph_) backend_->destroy_graph(graph_);
  graph_ = nullptr;
  warm_ = false;
}

}  // namespace scoregrad::compiled
