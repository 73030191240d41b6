// Bands. Calls that can be made for some rows at a time follow one another block of rows by block of rows: what one writes the next reads
// while it is in cache, what only they use needs memory for one block, and blocks are shared out among the threads in one go.
#include <algorithm>
#include <numeric>

#include "autograd/compile/fast/rows.h"
#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

constexpr int64_t enough_blocks = 8;

/// What calls do to the buffers.
struct Touched {
  std::vector<char> read, written;
  explicit Touched(const Sequence& s) : read(s.buffers.size()), written(s.buffers.size()) {}
  void add(const Call& c) {
    for (const Place& p : c.in)
      if (p.buffer != none) read[p.buffer] = 1;
    for (const Place& p : c.out)
      if (p.buffer != none) written[p.buffer] = 1;
  }
  /// True if c may not change places with them.
  bool orders(const Call& c) const {
    for (const Place& p : c.in)
      if (p.buffer != none && written[p.buffer]) return true;
    for (const Place& p : c.out)
      if (p.buffer != none && (written[p.buffer] || read[p.buffer])) return true;
    return false;
  }
};

/// A band as it grows.
class Growing {
 public:
  Growing(const Sequence& s, const BlockLimits& limits)
      : s_(s), limits_(limits), touched_(s), whole_(s.buffers.size()), places_(s.buffers.size()) {}

  bool takes(const Call& c) const {
    const int64_t extent = c.backend->share ? rows_of(c) : 0, rows = members_ == 0 ? extent : std::gcd(rows_, extent);
    if (extent == 0 || rows < limits_.least_rows || (members_ > 0 && c.backend != backend_)) return false;
    for (size_t k = 0; k < c.in.size(); ++k) {
      if (c.in[k].buffer == none) return false;
      const size_t b = c.in[k].buffer;
      if (!touched_.written[b]) continue;
      if (reads_whole(c, k) || !lies_by_rows(c.in[k], s_.buffers[b], rows)) return false;
    }
    for (const Place& p : c.out) {
      const size_t b = p.buffer;
      const auto by_rows = [&](const Place& q) { return lies_by_rows(q, s_.buffers[b], rows); };
      if (whole_[b] || !by_rows(p) || !std::all_of(places_[b].begin(), places_[b].end(), by_rows)) return false;
      for (size_t k = 0; k < c.in.size(); ++k)
        if (c.in[k].buffer == p.buffer && (reads_whole(c, k) || !by_rows(c.in[k]))) return false;
    }
    return true;
  }
  void take(const Call& c) {
    rows_ = members_++ == 0 ? rows_of(c) : std::gcd(rows_, rows_of(c));
    backend_ = c.backend;
    ns_ += ns_of(c);
    for (size_t k = 0; k < c.in.size(); ++k) {
      const size_t b = c.in[k].buffer;
      if (reads_whole(c, k))
        whole_[b] = 1;
      else
        places_[b].push_back(c.in[k]);
    }
    for (const Place& p : c.out) places_[p.buffer].push_back(p);
    if (const int64_t enough = enough_rows(c)) least_step_.emplace_back(c.out[0].shape[0], enough);
    touched_.add(c);
  }
  const Touched& touched() const { return touched_; }

  /// The band at call `first`, its rows dealt into blocks; none if it is not worth it.
  bool finish(size_t first, Band& band) const {
    int64_t bytes = 0, least = 1;
    for (const auto& places : places_) {
      int64_t most = 0;
      for (const Place& p : places) most = std::max(most, row_bytes(p, rows_));
      bytes += most;
    }
    for (const auto& [extent, enough] : least_step_)
      least = std::max(least, (std::min(enough, limits_.least_product) * rows_ + extent - 1) / extent);
    const int64_t fits = std::max(least, limits_.cache_bytes / std::max<int64_t>(1, bytes));
    const int64_t blocks = std::max((rows_ + fits - 1) / fits, std::min(enough_blocks, rows_ / least));
    int64_t step = (rows_ + blocks - 1) / std::max<int64_t>(1, blocks);
    if (step > 32) step = (step + 15) / 16 * 16;
    band = {first, members_, rows_, step, ns_};
    return members_ > 1 && step < rows_ && ns_ >= limits_.least_ns;
  }

 private:
  const Sequence& s_;
  BlockLimits limits_;
  Touched touched_;
  std::vector<char> whole_;                              // by buffer: some call reads all of it
  std::vector<std::vector<Place>> places_;               // by buffer: what is divided by rows
  std::vector<std::pair<int64_t, int64_t>> least_step_;  // rows of a member, and how many a block should have
  const Backend* backend_ = nullptr;
  size_t members_ = 0;
  int64_t rows_ = 0;
  double ns_ = 0;
};

/// Deals the calls [begin, end) into bands and others and appends them to `out`; an order that matters is kept.
void deal(const Sequence& s, size_t begin, size_t end, const BlockLimits& limits, Sequence& out) {
  std::vector<size_t> pending(end - begin);
  std::iota(pending.begin(), pending.end(), begin);
  const auto emit = [&](size_t i) {
    out.calls.push_back(s.calls[i]);
    out.once.push_back(s.once[i]);
  };
  while (!pending.empty()) {
    Growing band(s, limits);
    Touched behind(s);
    std::vector<size_t> before, members, after;
    for (size_t i : pending) {
      const Call& c = s.calls[i];
      if (!s.once[i] && !behind.orders(c) && band.takes(c)) {
        band.take(c);
        members.push_back(i);
      } else if (!behind.orders(c) && !band.touched().orders(c)) {
        before.push_back(i);
      } else {
        behind.add(c);
        after.push_back(i);
      }
    }
    for (size_t i : before) emit(i);
    Band b;
    if (!members.empty() && band.finish(out.calls.size(), b)) out.bands.push_back(b);
    for (size_t i : members) emit(i);
    pending = std::move(after);
  }
}

/// What only one band uses, row by row, is its own.
void give_local_buffers(Sequence& s) {
  struct Owner {
    bool known = false;
    size_t band = none;  // none: shared
  };
  std::vector<Owner> owner(s.buffers.size());
  const auto use = [&](const Place& p, size_t band, bool divided) {
    if (p.buffer == none) return;
    const size_t b = p.buffer;
    const bool fits = band != none && divided && lies_by_rows(p, s.buffers[b], s.bands[band].rows);
    owner[b] = {true, fits && (!owner[b].known || owner[b].band == band) ? band : none};
  };
  for (size_t i = 0; i < s.calls.size(); ++i) {
    const size_t band = band_of(s, i);
    const Call& c = s.calls[i];
    for (size_t k = 0; k < c.in.size(); ++k) use(c.in[k], band, band != none && !reads_whole(c, k));
    for (const Place& p : c.out) use(p, band, true);
  }
  for (size_t b = 0; b < owner.size(); ++b)
    if (!lasts(s.buffers[b])) s.buffers[b].band = owner[b].band;
}

}  // namespace

Sequence block(Sequence s, const BlockLimits& limits) {
  Sequence out = s;
  out.calls.clear(), out.once.clear(), out.bands.clear();
  // What a checkpoint computes again stays where it is: computed earlier it would have to be kept.
  for (size_t begin = 0; begin < s.calls.size();) {
    size_t end = begin;
    while (end < s.calls.size() && s.calls[end].region == s.calls[begin].region) ++end;
    deal(s, begin, end, limits, out);
    begin = end;
  }
  give_local_buffers(out);
  const auto held = [](const Sequence& planned) { return static_cast<double>(arena_bytes(planned)); };
  const bool saving = std::any_of(s.calls.begin(), s.calls.end(), [](const Call& c) { return c.region != 0; });
  return held(plan(out)) <= (saving ? 1 : limits.most_growth) * held(plan(s)) ? out : s;
}

}  // namespace scoregrad::compiled
