#include "autograd/compile/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

namespace scoregrad::compiled {
namespace {

#ifdef NDEBUG
std::atomic<bool> wanted{false};
#else
std::atomic<bool> wanted{true};
#endif

// What outlives the step: by buffer the bytes that are written, from the first to the last.
std::vector<Span> written_outside(const Sequence& s) {
  std::vector<Span> written(s.buffers.size(), {INT64_MAX, -1});
  for (const Call& c : s.calls)
    for (const Place& p : c.out) {
      if (p.buffer == none || !lasts(s.buffers[p.buffer])) continue;
      Span& w = written[p.buffer];
      const Span now = span_of(p);
      w = {std::min(w.begin, now.begin), std::max(w.end, now.end)};
    }
  return written;
}

class Check {
 public:
  Check(const Sequence& s, const Sequence& recorded) : s_(s), recorded_(recorded) {}

  std::string fault() {
    for (auto check : {&Check::lists, &Check::places, &Check::bands, &Check::once, &Check::order, &Check::survivors, &Check::memory}) {
      (this->*check)();
      if (!fault_.empty()) return fault_;
    }
    return {};
  }

 private:
  template <class... T>
  void found(fmt::format_string<T...> text, T&&... values) {
    if (fault_.empty()) fault_ = fmt::format(text, std::forward<T>(values)...);
  }
  template <class F>
  static void each_place(const Call& c, F f) {
    for (const Place& p : c.in) f(p);
    for (const Place& p : c.out) f(p);
  }
  const Buffer& buffer(const Place& p) const { return s_.buffers[p.buffer]; }

  void lists() {
    if (!s_.once.empty() && s_.once.size() != s_.calls.size()) found("{} calls and {} marks", s_.calls.size(), s_.once.size());
    for (size_t i = 0; i < s_.calls.size(); ++i) {
      const Call& c = s_.calls[i];
      if (is<calls::Elementwise>(c) && c.results.size() != c.out.size())
        found("call {} has {} results for {} places", i, c.results.size(), c.out.size());
      const size_t known = c.in.size() + c.immediates.size();
      for (size_t k = 0; k < c.code.size(); ++k)
        for (uint16_t r : {c.code[k].a, c.code[k].b, c.code[k].c})
          if (r >= known + k) found("call {} reads register {} before it is computed", i, r);
      for (uint16_t r : c.results)
        if (r >= known + c.code.size()) found("call {} stores register {}, which it does not have", i, r);
    }
  }

  void places() {
    const auto check = [&](const Place& p, const std::string& owner) {
      if (p.buffer == none) return;
      if (p.buffer >= s_.buffers.size()) return found("{} names buffer {}, which there is not", owner, p.buffer);
      if (numel(p.shape) == 0) return;
      const Span at = span_of(p);
      if (at.begin < 0 || at.end > static_cast<int64_t>(buffer(p).bytes))
        found("{} touches bytes {} to {} of %{}, which has {}", owner, at.begin, at.end, p.buffer, buffer(p).bytes);
    };
    for (size_t i = 0; i < s_.calls.size(); ++i) each_place(s_.calls[i], [&](const Place& p) { check(p, fmt::format("call {}", i)); });
    for (const Place& p : s_.results) check(p, "a result");
  }

  void bands() {
    size_t end = 0;
    for (size_t k = 0; k < s_.bands.size(); ++k) {
      const Band& b = s_.bands[k];
      if (b.first < end) found("band {} begins at call {}, inside the one before", k, b.first);
      end = b.first + b.count;
      if (b.count == 0 || end > s_.calls.size() || b.rows <= 0 || b.step <= 0) found("band {} has no calls or no rows", k);
    }
    for (size_t i = 0; i < s_.calls.size(); ++i)
      each_place(s_.calls[i], [&](const Place& p) {
        if (p.buffer != none && buffer(p).band != none && buffer(p).band != band_of(s_, i))
          found("call {} uses %{}, which belongs to band {}", i, p.buffer, buffer(p).band);
      });
  }

  void once() {
    std::vector<char> constant(s_.buffers.size());
    for (size_t i = 0; i < s_.once.size(); ++i) {
      if (!s_.once[i]) continue;
      if (band_of(s_, i) != none) found("call {} runs once and belongs to a band", i);
      for (const Place& p : s_.calls[i].in)
        if (p.buffer != none && !constant[p.buffer]) found("call {} runs once and reads %{}, which may change", i, p.buffer);
      for (const Place& p : s_.calls[i].out)
        if (p.buffer != none) constant[p.buffer] = 1;
    }
    for (size_t i = 0; i < s_.once.size(); ++i)
      if (!s_.once[i])
        for (const Place& p : s_.calls[i].out)
          if (p.buffer != none && constant[p.buffer]) found("call {} writes %{}, which is computed once", i, p.buffer);
  }

  void order() {
    std::vector<char> written(s_.buffers.size());
    for (size_t b = 0; b < written.size(); ++b) written[b] = s_.buffers[b].kind == Buffer::captured || s_.buffers[b].kind == Buffer::input;
    const auto read = [&](const Place& p, const std::string& owner) {
      if (p.buffer != none && !written[p.buffer]) found("{} reads %{}, which nothing has written", owner, p.buffer);
    };
    for (size_t i = 0; i < s_.calls.size(); ++i) {
      for (const Place& p : s_.calls[i].in) read(p, fmt::format("call {}", i));
      for (const Place& p : s_.calls[i].out)
        if (p.buffer != none) written[p.buffer] = 1;
    }
    for (const Place& p : s_.results) read(p, "a result");
  }

  void survivors() {
    const std::vector<Span> before = written_outside(recorded_), now = written_outside(s_);
    for (size_t b = 0; b < before.size(); ++b)
      if (before[b].end >= 0 && (now[b].begin != before[b].begin || now[b].end != before[b].end))
        found("what the record writes into %{} is written no more, or not all of it", b);
  }

  // Where places are given: what lives at the same time lies apart.
  void memory() {
    if (s_.arena_offset.empty()) return;
    struct Life {
      size_t buffer, first, last;
      int64_t begin, end;
    };
    std::vector<std::vector<Life>> homes(s_.arenas.size() + s_.bands.size());
    std::vector<Life> lives(s_.buffers.size(), {0, SIZE_MAX, 0, 0, 0});
    for (size_t i = 0; i < s_.calls.size(); ++i)
      each_place(s_.calls[i], [&](const Place& p) {
        if (p.buffer == none) return;
        Life& l = lives[p.buffer];
        const size_t band = buffer(p).band != none ? none : band_of(s_, i);
        const Band* all = band == none ? nullptr : &s_.bands[band];
        const bool kept = !s_.once.empty() && s_.once[i];
        l.first = std::min(l.first, kept ? 0 : all ? all->first : i);
        l.last = std::max(l.last, kept ? s_.calls.size() : all ? all->first + all->count - 1 : i);
      });
    for (size_t b = 0; b < s_.buffers.size(); ++b) {
      const Buffer& buffer = s_.buffers[b];
      if (lasts(buffer) || lives[b].first == SIZE_MAX) continue;
      const Band* band = buffer.band == none ? nullptr : &s_.bands[buffer.band];
      size_t home = 0;
      if (band)
        home = s_.arenas.size() + buffer.band;
      else
        while (home < s_.arenas.size() && s_.arenas[home].device != buffer.device) ++home;
      const int64_t bytes = static_cast<int64_t>(buffer.bytes) / (band ? band->rows : 1) * (band ? band->step : 1);
      const int64_t room = band ? band->local_bytes : home < s_.arenas.size() ? s_.arenas[home].bytes : 0;
      const int64_t at = s_.arena_offset[b];
      if (at < 0 || at + bytes > room) return found("%{} lies outside its arena, at {} of {} bytes", b, at, room);
      homes[home].push_back({b, lives[b].first, lives[b].last, at, at + bytes});
    }
    for (const std::vector<Life>& home : homes)
      for (size_t i = 0; i < home.size(); ++i)
        for (size_t k = 0; k < i; ++k)
          if (home[i].first <= home[k].last && home[k].first <= home[i].last && home[i].begin < home[k].end && home[k].begin < home[i].end)
            return found("%{} and %{} live at the same time in the same place", home[k].buffer, home[i].buffer);
  }

  const Sequence &s_, &recorded_;
  std::string fault_;
};

}  // namespace

std::string fault(const Sequence& s, const Sequence& recorded) { return Check(s, recorded).fault(); }

void verify(const char* pass, const Sequence& s, const Sequence& recorded) {
  const std::string what = fault(s, recorded);
  if (!what.empty()) throw Error(s.calls.empty() ? Where{} : s.calls[0].at, fmt::format("compile: after the pass {}, {}", pass, what));
}

void set_verification(bool on) { wanted = on; }
bool verification() { return wanted; }

}  // namespace scoregrad::compiled
