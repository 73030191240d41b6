// The CPU's table: a constant, so that a program starts without running anything.
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/memory.h"
#include "cpu/threads.h"

namespace scoregrad {

namespace on_cpu {

void run(Where, const calls::Upload& c) {
  if (c.host.bytes > 0) std::memcpy(c.out.data, c.host.data, c.host.bytes);
}
void run(Where, const calls::Download& c) {
  if (c.host.bytes > 0) std::memcpy(c.host.data, c.in.data, c.host.bytes);
}

}  // namespace on_cpu

namespace {

void nothing_pending() {}

void share(int64_t count, double ns, void (*work)(void* context, int64_t i, int worker), void* context) {
  on_cpu::Failure failure;
  on_cpu::parallel_for(count, ns, [&](int64_t i) { failure.guard([&] { work(context, i, on_cpu::worker()); }); });
  failure.rethrow();
}

constexpr Backend table{
    .name = "cpu",
    .allocate = on_cpu::allocate,
    .release = on_cpu::release,
    .synchronise = nothing_pending,
    .memory = on_cpu::memory,
    .reset_peak = on_cpu::reset_peak,
    .entries = entries_of([](const Backend&, Where at, const auto& c) { on_cpu::run(at, c); }),
    .begin_graph = nullptr,  // a call costs the host nothing that a graph would save
    .end_graph = nullptr,
    .launch_graph = nullptr,
    .destroy_graph = nullptr,
    .share = share,
};

}  // namespace

const Backend& cpu_backend(Where) { return table; }

}  // namespace scoregrad
