// The GPU's table, and the one function that this library exports. Every call notes what it works on, for the messages of errors.
#include <cstring>

#include "autograd/backend/caller.h"
#include "cuda/context.h"
#include "cuda/graph.h"
#include "cuda/kernels.h"
#include "cuda/memory.h"
#include "scoregrad/config.h"

namespace scoregrad::on_cuda {

namespace {

Host the_host;

/// The views of a call, outputs first.
struct Views {
  const View* list[4];
  int count = 0;

  template <class Call>
  explicit Views(const Call& c) {
    c.fields([&](const auto&... field) {
      (note<calls::Out, calls::InOut>(field), ...);
      (note<calls::In>(field), ...);
    });
  }
  template <class... Wanted, class Field>
  void note(const Field& v) {
    if constexpr ((std::is_same_v<Field, Wanted> || ...))
      if (count < 4) list[count++] = &v;
  }
};
Running noted(const auto& c) {
  const Views views(c);
  return Running(c.name, views.list, views.count);
}
Running noted(const calls::Elementwise& c) {
  return Running(c.program.length == 1 ? row(c.program.code[0].op).name : "fused elementwise ops", c.shape);
}

constexpr Backend table{
    .name = "cuda",
    .allocate = allocate,
    .release = release,
    .synchronise = synchronise,
    .memory = memory,
    .reset_peak = reset_peak,
    .entries = entries_of([](const Backend&, Where at, const auto& c) {
      const Running running = noted(c);
      run(at, c);
    }),
    .begin_graph = begin_graph,
    .end_graph = end_graph,
    .launch_graph = launch_graph,
    .destroy_graph = destroy_graph,
    .share = nullptr,
};

}  // namespace

const Host& host() { return the_host; }

}  // namespace scoregrad::on_cuda

extern "C" [[gnu::visibility("default")]] const scoregrad::Backend* scoregrad_open_cuda(const scoregrad::on_cuda::Host* program,
                                                                                        std::string* missing) {
  using namespace scoregrad;
  if (program->size_of_backend != sizeof(Backend) || std::strcmp(program->version, SCOREGRAD_VERSION) != 0) {
    *missing = "its backend was built from another version of the library, " SCOREGRAD_VERSION ": build both again";
    return nullptr;
  }
  on_cuda::the_host = *program;
  find_caller = program->find_caller;
  try {
    return on_cuda::open_device(missing) ? &on_cuda::table : nullptr;
  } catch (const Error& error) {
    *missing = error.what();
    return nullptr;
  }
}
