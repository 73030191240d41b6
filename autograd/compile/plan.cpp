// Where the temporaries of a step lie: one arena a device, filled in the order of the calls; a place is free again after its last reader.
#include <algorithm>

#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

struct Life {
  size_t first = none, last = 0;  // calls
};

// The free places of an arena, in order of their offset; neighbours are joined.
class Holes {
 public:
  int64_t take(int64_t bytes) {
    size_t best = free_.size();
    for (size_t k = 0; k < free_.size(); ++k)
      if (free_[k].bytes >= bytes && (best == free_.size() || free_[k].bytes < free_[best].bytes)) best = k;
    if (best < free_.size()) {
      const int64_t at = free_[best].at;
      free_[best].at += bytes;
      free_[best].bytes -= bytes;
      if (free_[best].bytes == 0) free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(best));
      return at;
    }
    if (!free_.empty() && free_.back().at + free_.back().bytes == size_) {  // the last hole grows
      const int64_t at = free_.back().at;
      free_.pop_back();
      size_ = at + bytes;
      return at;
    }
    size_ += bytes;
    return size_ - bytes;
  }
  void give(int64_t at, int64_t bytes) {
    auto next = std::lower_bound(free_.begin(), free_.end(), at, [](const Hole& h, int64_t offset) { return h.at < offset; });
    next = free_.insert(next, {at, bytes});
    if (std::next(next) != free_.end() && next->at + next->bytes == std::next(next)->at) {
      next->bytes += std::next(next)->bytes;
      free_.erase(std::next(next));
    }
    if (next != free_.begin() && std::prev(next)->at + std::prev(next)->bytes == next->at) {
      std::prev(next)->bytes += next->bytes;
      free_.erase(next);
    }
  }
  int64_t size() const { return size_; }

 private:
  struct Hole {
    int64_t at, bytes;
  };
  std::vector<Hole> free_;
  int64_t size_ = 0;
};

}  // namespace

Sequence plan(Sequence s) {
  const size_t count = s.calls.size();
  std::vector<Life> life(s.buffers.size());
  std::vector<int64_t> bytes(s.buffers.size());
  s.arenas.clear();
  const auto arena_of = [&](Device device) {
    const auto found = std::find_if(s.arenas.begin(), s.arenas.end(), [&](const auto& a) { return a.device == device; });
    if (found == s.arenas.end()) s.arenas.push_back({device});
    return static_cast<size_t>(found - s.arenas.begin());
  };
  for (const Buffer& b : s.buffers)
    if (!lasts(b) && b.band == none) arena_of(b.device);
  std::vector<size_t> home(s.buffers.size());  // holes: the devices', then the bands'
  for (size_t b = 0; b < bytes.size(); ++b) {
    const Buffer& buffer = s.buffers[b];
    const Band* band = buffer.band == none ? nullptr : &s.bands[buffer.band];
    const size_t alive = band ? buffer.bytes / static_cast<size_t>(band->rows) * static_cast<size_t>(band->step) : buffer.bytes;
    bytes[b] = aligned(static_cast<int64_t>(alive));
    home[b] = band ? s.arenas.size() + buffer.band : lasts(buffer) ? 0 : arena_of(buffer.device);
  }
  for (size_t i = 0; i < count; ++i) {
    const Call& c = s.calls[i];
    const bool kept = s.once[i];  // made once, for every step
    const size_t band = band_of(s, i);
    const auto use = [&](const Place& p) {
      if (p.buffer == none) return;
      Life& l = life[p.buffer];
      size_t from = kept ? 0 : i, to = kept ? count : i;
      if (band != none && s.buffers[p.buffer].band == none) {  // a later block makes the band's first call after its last
        from = s.bands[band].first;
        to = from + s.bands[band].count - 1;
      }
      if (l.first == none || kept) l.first = from;
      l.last = std::max(l.last, to);
    };
    for (const Place& p : c.in) use(p);
    for (const Place& p : c.out) use(p);
  }

  std::vector<std::vector<size_t>> begins(count + 1), ends(count + 1);
  for (size_t b = 0; b < life.size(); ++b) {
    if (lasts(s.buffers[b]) || life[b].first == none) continue;
    begins[life[b].first].push_back(b);
    ends[life[b].last].push_back(b);
  }
  std::vector<Holes> holes(s.arenas.size() + s.bands.size());
  s.arena_offset.assign(s.buffers.size(), -1);
  for (size_t i = 0; i < count; ++i) {
    for (size_t b : begins[i]) s.arena_offset[b] = holes[home[b]].take(bytes[b]);
    for (size_t b : ends[i]) holes[home[b]].give(s.arena_offset[b], bytes[b]);
  }
  for (size_t k = 0; k < s.arenas.size(); ++k) s.arenas[k].bytes = holes[k].size();
  for (size_t k = 0; k < s.bands.size(); ++k) s.bands[k].local_bytes = holes[s.arenas.size() + k].size();
  return s;
}

}  // namespace scoregrad::compiled
