// The CPU's table: a constant, so that a program starts without running anything.
#include <cstring>

#include "cpu/elementwise.h"
#include "cpu/kernels.h"
#include "cpu/memory.h"
#include "cpu/random.h"
#include "cpu/threads.h"

namespace scoregrad {

namespace {

void copy_bytes(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}
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
    .upload = copy_bytes,
    .download = copy_bytes,
    .synchronise = nothing_pending,
    .memory = on_cpu::memory,
    .reset_peak = on_cpu::reset_peak,
    .elementwise = on_cpu::elementwise,
    .copy = on_cpu::copy,
    .fill = on_cpu::fill,
    .reduce = on_cpu::reduce,
    .reduce_program = on_cpu::reduce_program,
    .cumsum = on_cpu::cumsum,
    .sort = on_cpu::sort,
    .gather = on_cpu::gather,
    .scatter_add = on_cpu::scatter_add,
    .index_select = on_cpu::index_select,
    .index_add = on_cpu::index_add,
    .matmul = on_cpu::matmul,
    .convolution = on_cpu::convolution,
    .random = on_cpu::random,
    .fold = on_cpu::fold,
    .cholesky = on_cpu::cholesky,
    .solve = on_cpu::solve,
    .triangular_solve = on_cpu::triangular_solve,
    .logabsdet = on_cpu::logabsdet,
    .symeig = on_cpu::symeig,
    .begin_graph = nullptr,  // a call costs the host nothing that a graph would save
    .end_graph = nullptr,
    .launch_graph = nullptr,
    .destroy_graph = nullptr,
    .share = share,
};

}  // namespace

const Backend& cpu_backend() { return table; }

}  // namespace scoregrad
