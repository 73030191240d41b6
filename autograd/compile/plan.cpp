// Where the temporaries of a step lie: one arena a device, filled in the order of the calls; a place is free again after its last reader.
#include <algorithm>

#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

constexpr int64_t alignment = 64;

struct Life {
  int first = -1, last = -1;  // calls
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

int64_t rounded(size_t bytes) { return (static_cast<int64_t>(bytes) + alignment - 1) / alignment * alignment; }

}  // namespace

Sequence plan(Sequence s) {
  const auto count = static_cast<int>(s.calls.size());
  std::vector<Life> life(s.buffers.size());
  std::vector<int64_t> bytes(s.buffers.size());
  s.arenas.clear();
  const auto arena_of = [&](Device device) {
    const auto found = std::find_if(s.arenas.begin(), s.arenas.end(), [&](const auto& a) { return a.device == device; });
    if (found == s.arenas.end()) s.arenas.push_back({device});
    return static_cast<size_t>(found - s.arenas.begin());
  };
  for (const Buffer& b : s.buffers)
    if (!lasts(b) && b.band < 0) arena_of(b.device);
  std::vector<size_t> home(s.buffers.size());  // holes: the devices', then the bands'
  for (size_t b = 0; b < bytes.size(); ++b) {
    const Buffer& buffer = s.buffers[b];
    const Band* band = buffer.band < 0 ? nullptr : &s.bands[static_cast<size_t>(buffer.band)];
    bytes[b] = rounded(band ? buffer.bytes / static_cast<size_t>(band->rows) * static_cast<size_t>(band->step) : buffer.bytes);
    home[b] = band ? s.arenas.size() + static_cast<size_t>(buffer.band) : lasts(buffer) ? 0 : arena_of(buffer.device);
  }
  for (int i = 0; i < count; ++i) {
    const Call& c = s.calls[static_cast<size_t>(i)];
    const bool kept = s.once[static_cast<size_t>(i)];  // made once, for every step
    const int band = band_of(s, static_cast<size_t>(i));
    const auto use = [&](const Place& p) {
      if (p.buffer < 0) return;
      Life& l = life[static_cast<size_t>(p.buffer)];
      int from = kept ? 0 : i, to = kept ? count : i;
      if (band >= 0 && s.buffers[static_cast<size_t>(p.buffer)].band < 0) {  // a later block makes the band's first call after its last
        from = static_cast<int>(s.bands[static_cast<size_t>(band)].first);
        to = from + static_cast<int>(s.bands[static_cast<size_t>(band)].count) - 1;
      }
      if (l.first < 0 || kept) l.first = from;
      l.last = std::max(l.last, to);
    };
    for (const Place& p : c.in) use(p);
    for (const Place& p : c.out) use(p);
  }

  std::vector<std::vector<int>> begins(static_cast<size_t>(count) + 1), ends(static_cast<size_t>(count) + 1);
  for (size_t b = 0; b < life.size(); ++b) {
    if (lasts(s.buffers[b]) || life[b].first < 0) continue;
    begins[static_cast<size_t>(life[b].first)].push_back(static_cast<int>(b));
    ends[static_cast<size_t>(life[b].last)].push_back(static_cast<int>(b));
  }
  std::vector<Holes> holes(s.arenas.size() + s.bands.size());
  s.arena_offset.assign(s.buffers.size(), -1);
  for (int i = 0; i < count; ++i) {
    for (int at : begins[static_cast<size_t>(i)]) {
      const auto b = static_cast<size_t>(at);
      s.arena_offset[b] = holes[home[b]].take(bytes[b]);
    }
    for (int at : ends[static_cast<size_t>(i)]) {
      const auto b = static_cast<size_t>(at);
      holes[home[b]].give(s.arena_offset[b], bytes[b]);
    }
  }
  for (size_t k = 0; k < s.arenas.size(); ++k) s.arenas[k].bytes = holes[k].size();
  for (size_t k = 0; k < s.bands.size(); ++k) s.bands[k].local_bytes = holes[s.arenas.size() + k].size();
  return s;
}

}  // namespace scoregrad::compiled
