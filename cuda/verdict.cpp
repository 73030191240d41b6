#include "cuda/verdict.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

namespace {

using Slot = unsigned long long;
constexpr size_t most = 512;

struct Slots {
  std::mutex mutex;
  Slot* device = nullptr;
  volatile Slot* host = nullptr;  // pinned; the GPU writes it
  std::vector<size_t> free;
  std::vector<std::shared_ptr<Verdicts>> pending;  // launched, and not yet waited for
  std::atomic<int64_t> launches{0};
};
Slots& slots() {
  static Slots* s = new Slots;  // never destroyed: graphs of static storage go later
  return *s;
}

}  // namespace

void Verdicts::prepare() {
  Slots& s = slots();
  const std::lock_guard lock(s.mutex);
  if (s.device) return;
  void *device = nullptr, *host = nullptr;
  check({}, "graph", cudaHostAlloc(&host, most * sizeof(Slot), cudaHostAllocDefault));
  check({}, "graph", with_pool_emptied([&] { return cudaMalloc(&device, most * sizeof(Slot)); }));
  check({}, "graph", cudaMemsetAsync(device, 0, most * sizeof(Slot), stream()));
  std::fill_n(static_cast<Slot*>(host), most, 0);
  s.host = static_cast<Slot*>(host);
  s.device = static_cast<Slot*>(device);
  for (size_t i = most; i-- > 0;) s.free.push_back(i);
}

Verdicts::~Verdicts() {
  Slots& s = slots();
  const std::lock_guard lock(s.mutex);
  for (const Check& c : checks_) s.free.push_back(c.slot);
}

unsigned long long* Verdicts::add(Where at, Say say) {
  Slots& s = slots();
  const std::lock_guard lock(s.mutex);
  if (s.free.empty()) return nullptr;
  checks_.push_back({s.free.back(), at, std::move(say)});
  s.free.pop_back();
  return s.device + checks_.back().slot;
}

void Verdicts::fetch() const {
  if (checks_.empty()) return;
  // One copy of all that lies between the first and the last: others' slots among them are no older afterwards.
  const auto [low, high] =
      std::minmax_element(checks_.begin(), checks_.end(), [](const Check& a, const Check& b) { return a.slot < b.slot; });
  const Slots& s = slots();
  check({}, "graph",
        cudaMemcpyAsync(const_cast<Slot*>(s.host) + low->slot, s.device + low->slot, (high->slot - low->slot + 1) * sizeof(Slot),
                        cudaMemcpyDeviceToHost, stream()));
}

void note_launch(const std::shared_ptr<Verdicts>& verdicts) {
  if (verdicts->checks_.empty()) return;
  Slots& s = slots();
  const std::lock_guard lock(s.mutex);
  verdicts->launch_ = s.launches.load() + 1;
  if (std::find(s.pending.begin(), s.pending.end(), verdicts) == s.pending.end()) s.pending.push_back(verdicts);
  s.launches.store(verdicts->launch_);
}

int64_t noted_launches() { return slots().launches.load(); }

void raise_verdicts(int64_t waited) {
  Slots& s = slots();
  std::vector<std::shared_ptr<Verdicts>> told;  // go after the lock, which their slots need
  const std::lock_guard lock(s.mutex);
  for (size_t i = 0; i < s.pending.size();) {
    const std::shared_ptr<Verdicts> v = s.pending[i];
    if (v->launch_ > waited) {  // its own thread will wait for it
      ++i;
      continue;
    }
    for (const Verdicts::Check& c : v->checks_) {
      const Slot verdict = s.host[c.slot];
      if (verdict == 0) continue;
      s.host[c.slot] = 0;
      check(c.at, "graph", cudaMemsetAsync(s.device + c.slot, 0, sizeof(Slot), stream()));
      throw Error(c.at, c.say(verdict));
    }
    told.push_back(v);
    s.pending.erase(s.pending.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace scoregrad::on_cuda
