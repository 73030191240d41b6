// The GPU's table, and the one function that this library exports. Every entry notes what it works on, for the messages of errors.
#include <algorithm>
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

/// The views among the arguments of an entry, the output first.
struct Views {
  const View* list[4];
  int count = 0;

  template <class... A>
  explicit Views(const A&... args) {
    (note(args), ...);
  }
  void note(const View& v) {
    if (count < 4) list[count++] = &v;
  }
  template <class A>
  void note(const A&) {}
};

/// A text as a template's argument.
template <size_t n>
struct Name {
  char text[n];
  constexpr Name(const char (&s)[n]) { std::copy_n(s, n, text); }
};

/// An entry of the table that names its op and shapes in every error thrown below it.
template <Name op, auto f>
struct Noted;
template <Name op, class... A, void (*f)(A...)>
struct Noted<op, f> {
  static void run(A... args) {
    const Views views(args...);
    const Running running(op.text, views.list, views.count);
    f(args...);
  }
};

void noted_elementwise(const Program& program, const Shape& shape, const Access* inputs, const Access* outputs) {
  const Running running(program.length == 1 ? row(program.code[0].op).name : "fused elementwise ops", shape);
  elementwise(program, shape, inputs, outputs);
}

constexpr Backend table{
    .name = "cuda",
    .allocate = allocate,
    .release = release,
    .upload = upload,
    .download = download,
    .synchronise = synchronise,
    .memory = memory,
    .reset_peak = reset_peak,
    .elementwise = noted_elementwise,
    .copy = Noted<"copy", copy>::run,
    .fill = Noted<"fill", fill>::run,
    .reduce = Noted<"reduce", reduce>::run,
    .reduce_program = Noted<"reduce", reduce_program>::run,
    .cumsum = Noted<"cumsum", cumsum>::run,
    .sort = Noted<"sort", sort>::run,
    .gather = Noted<"gather", gather>::run,
    .scatter_add = Noted<"scatter_add", scatter_add>::run,
    .index_select = Noted<"index_select", index_select>::run,
    .index_add = Noted<"index_add", index_add>::run,
    .matmul = Noted<"matmul", matmul>::run,
    .convolution = Noted<"convolution", convolution>::run,
    .random = Noted<"random", random>::run,
    .fold = Noted<"fold", fold>::run,
    .cholesky = Noted<"cholesky", cholesky>::run,
    .solve = Noted<"solve", solve>::run,
    .triangular_solve = Noted<"triangular_solve", triangular_solve>::run,
    .logabsdet = Noted<"logabsdet", logabsdet>::run,
    .symeig = Noted<"symeig", symeig>::run,
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
