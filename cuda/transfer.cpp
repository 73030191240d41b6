// Copies between host and device, in pieces through pinned buffers, so that the host may go on (upload) or works on one piece while the
// next is on its way (download).
#include <algorithm>
#include <cstring>
#include <mutex>

#include "cuda/graph.h"
#include "cuda/kernels.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

namespace {

constexpr size_t piece = size_t{1} << 20;
constexpr int slots = 4;

/// Pinned buffers used in turn. An event tells when the last copy from or to a buffer is over.
class Staging {
 public:
  std::mutex mutex;

  /// The next buffer, free to be used.
  int next() {
    const int slot = turn_;
    turn_ = (turn_ + 1) % slots;
    if (!buffer_[slot]) {
      check({}, "transfer", cudaHostAlloc(reinterpret_cast<void**>(&buffer_[slot]), piece, cudaHostAllocDefault));
      check({}, "transfer", cudaEventCreateWithFlags(&done_[slot], cudaEventDisableTiming));
    } else {
      wait(slot);
    }
    return slot;
  }
  char* buffer(int slot) const { return buffer_[slot]; }
  void enqueued(int slot) { check({}, "transfer", cudaEventRecord(done_[slot], stream())); }
  void wait(int slot) { check({}, "transfer", cudaEventSynchronize(done_[slot])); }

 private:
  char* buffer_[slots] = {};
  cudaEvent_t done_[slots] = {};
  int turn_ = 0;
};
Staging& staging() {
  static Staging* s = new Staging;  // never destroyed: its buffers would be freed after the driver has gone
  return *s;
}

}  // namespace

// Returns as soon as the host's bytes may be written again.
void run(Where, const calls::Upload& c) {
  refuse_in_graph(c.name);
  const size_t bytes = c.host.bytes;
  Staging& s = staging();
  const std::lock_guard lock(s.mutex);
  for (size_t at = 0; at < bytes; at += piece) {
    const size_t n = std::min(piece, bytes - at);
    const int slot = s.next();
    std::memcpy(s.buffer(slot), static_cast<const char*>(c.host.data) + at, n);
    check({}, c.name, cudaMemcpyAsync(static_cast<char*>(c.out.data) + at, s.buffer(slot), n, cudaMemcpyHostToDevice, stream()));
    s.enqueued(slot);
  }
}

void download(void* host, const void* device, size_t bytes) {
  refuse_in_graph("download");
  const int64_t launches = noted_launches();
  Staging& s = staging();
  const std::lock_guard lock(s.mutex);
  // Pieces are read one turn behind: while the host copies one out, the next ones arrive.
  struct Piece {
    int slot;
    size_t at, n;
  } waiting[slots - 1];
  size_t first = 0, last = 0;
  const auto read_one = [&] {
    const Piece& p = waiting[first++ % (slots - 1)];
    s.wait(p.slot);
    std::memcpy(static_cast<char*>(host) + p.at, s.buffer(p.slot), p.n);
  };
  for (size_t at = 0; at < bytes; at += piece) {
    if (last - first == slots - 1) read_one();
    const size_t n = std::min(piece, bytes - at);
    const int slot = s.next();
    check({}, "download", cudaMemcpyAsync(s.buffer(slot), static_cast<const char*>(device) + at, n, cudaMemcpyDeviceToHost, stream()));
    s.enqueued(slot);
    waiting[last++ % (slots - 1)] = {slot, at, n};
  }
  while (first < last) read_one();
  if (bytes > 0) raise_verdicts(launches);
}

void run(Where, const calls::Download& c) { download(c.host.data, c.in.data, c.host.bytes); }

void synchronise() {
  refuse_in_graph("synchronise");
  const int64_t launches = noted_launches();
  check({}, "synchronise", cudaStreamSynchronize(stream()));
  raise_verdicts(launches);
}

}  // namespace scoregrad::on_cuda
