#include "autograd/compile/fast/band.h"

#include <algorithm>
#include <deque>

#include "autograd/backend/machine.h"
#include "autograd/compile/fast/rows.h"

namespace scoregrad::compiled {

// One thread's calls, and what in them changes from block to block.
struct BandReplay::Worker {
  struct Pointer {
    void** at;
    size_t buffer;
    int64_t offset, row_bytes;
  };
  struct Extent {
    int64_t *extent, per_row;
  };
  struct Draw {
    uint64_t *offset, first, per_row;
  };
  std::deque<Bound> calls;
  std::vector<Pointer> pointers;
  std::vector<Extent> extents;
  std::vector<Draw> draws;
  Tensor memory;  // of the band's own buffers

  Worker(const Sequence& s, size_t index, Where at) {
    const Band& band = s.bands[index];
    const Device device = s.buffers[static_cast<size_t>(s.calls[band.first].out[0].buffer)].device;
    if (band.local_bytes > 0) memory = allocate(at, {band.local_bytes}, DType::boolean, device);
    for (size_t i = band.first; i < band.first + band.count; ++i) bind(s, index, s.calls[i]);
  }

  void bind(const Sequence& s, size_t index, const Call& c) {
    const int64_t rows = s.bands[index].rows;
    size_t operand = 0;
    const auto point = [&](void*& data, const Place& p) {
      const size_t k = operand++;  // operands first, then results
      data = nullptr;
      if (s.buffers[p.buffer].band == index)
        data = memory.bytes() + s.arena_offset[p.buffer] + p.offset;
      else
        pointers.push_back({&data, p.buffer, p.offset, k < c.in.size() && reads_whole(c, k) ? 0 : row_bytes(p, rows)});
    };
    Bound& b = calls.emplace_back(c, point);
    const auto divided = [&](Shape& shape) { extents.push_back({&shape[0], shape[0] / rows}); };
    if (b.shape.rank > 0) divided(b.shape);
    size_t read = 0;
    const auto divide = [&](auto& field) {
      using Field = std::decay_t<decltype(field)>;
      if constexpr (std::is_same_v<Field, calls::In>) {
        if (!reads_whole(c, read++)) divided(field.shape);
      } else if constexpr (std::is_same_v<Field, calls::Out>) {
        divided(field.shape);
      }
    };
    std::visit([&](auto& what) { what.fields([&](auto&... field) { (divide(field), ...); }); }, b.what);
    if (auto* draw = std::get_if<calls::Draw>(&b.what))
      draws.push_back({&draw->offset, draw->offset, static_cast<uint64_t>(numel(c.out[0].shape) / rows)});
  }
};

BandReplay::BandReplay(const Sequence& s, size_t index, Where at) : sequence_(&s), index_(index) {
  workers_.push_back(std::make_unique<Worker>(s, index, at));
}

BandReplay::~BandReplay() = default;
BandReplay::BandReplay(BandReplay&&) noexcept = default;

void BandReplay::run(const std::vector<char*>& bases, Where at) {
  const Band& band = sequence_->bands[index_];
  while (workers_.size() < static_cast<size_t>(threads())) workers_.push_back(std::make_unique<Worker>(*sequence_, index_, at));
  bases_ = &bases;
  const auto work = [](void* self, int64_t i, int worker) { static_cast<const BandReplay*>(self)->work(i, worker); };
  sequence_->calls[band.first].backend->share((band.rows + band.step - 1) / band.step, band.ns, work, this);
}

void BandReplay::work(int64_t i, int worker) const {
  const Band& band = sequence_->bands[index_];
  Worker& mine = *workers_[static_cast<size_t>(worker)];
  const int64_t row = i * band.step, rows = std::min(band.step, band.rows - row);
  for (const Worker::Pointer& p : mine.pointers) *p.at = (*bases_)[p.buffer] + p.offset + row * p.row_bytes;
  for (const Worker::Extent& e : mine.extents) *e.extent = rows * e.per_row;
  for (const Worker::Draw& d : mine.draws) *d.offset = d.first + static_cast<uint64_t>(row) * d.per_row;
  for (const Bound& call : mine.calls) call();
}

}  // namespace scoregrad::compiled
