// The cases that other libraries are timed on too, by scoregrad: bench_peers --case NAME --threads N --seconds S. NAME is the compiled
// step, NAME_eager the same without compile.
#include <fmt/format.h>
#include <scoregrad.h>

#include <cmath>

#include "benchmarks/bench_peers/gpu.h"
#include "benchmarks/cases/case.h"
#include "cpu/memory.h"

namespace sg = scoregrad;

namespace {

// One call of a case: its steps, and the loss read as a training loop reads it.
template <class Step>
void run(const bench::Case& c, Step& step) {
  for (int i = 0; i < c.measured; ++i) {
    const sg::Tensors results = step();
    if (c.trains) bench::check_loss(results[0].item());
  }
}

void time_both(const bench::Options& o, const bench::Case& c) {
  const int64_t size = c.size_at(o.scale);
  for (const bool compiled : {true, false}) {
    bench::Timed timed = c.timed(size, compiled ? "" : "_eager", compiled ? "compiled" : "eager");
    if (!timed.name.starts_with(o.only) || (!o.mode.empty() && (o.mode == "compiled") != compiled)) continue;
    const sg::RecordingScope recording(!c.plain);
    const bench::Problem problem = c.make(size);
    const sg::Tensor key = sg::Key(5).tensor();
    auto step = [&] { return bench::advance(problem, key); };
    auto replayed = sg::compile(step);
    timed.first = compiled ? 4 : 2;  // a compiled step is eager once and recorded twice before it is replayed
    if (compiled)
      time_case(o, timed, [&] { run(c, replayed); });
    else
      time_case(o, timed, [&] { run(c, step); });
  }
}

// |a - b| / |b|, the Euclidean norms.
double distance(const sg::Tensor& a, const sg::Tensor& b) {
  const double length = std::sqrt(sg::sum(sg::square(b)).item());
  return std::sqrt(sg::sum(sg::square(a - b)).item()) / (length > 0 ? length : 1);
}

// Every case, small: five compiled steps leave what five eager ones leave.
int check(const bench::Options& o) {
  int failed = 0;
  for (const bench::Case& c : bench::cases()) {
    if (!c.wanted(o)) continue;
    const sg::RecordingScope recording(!c.plain);
    const int64_t size = c.size_at(o.scale);
    const bench::Problem eager = c.make(size), other = c.make(size);
    const sg::Tensor key = sg::Key(5).tensor(), other_key = sg::Key(5).tensor();
    auto replayed = sg::compile([&] { return bench::advance(other, other_key); });
    sg::Tensors a, b;
    for (int i = 0; i < 5; ++i) a = bench::advance(eager, key), b = replayed();
    a.insert(a.end(), eager.state.begin(), eager.state.end());
    b.insert(b.end(), other.state.begin(), other.state.end());
    double worst = a.empty() || a.size() != b.size() ? INFINITY : 0;
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) worst = std::fmax(worst, distance(b[i].detach(), a[i].detach()));
    const bool good = worst < 1e-4;
    failed += !good;
    fmt::print("{} {}: compiled and eager differ by {:.1e}\n", good ? "ok    " : "FAILED", c.name, worst);
  }
  return failed > 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  const auto list = [] {
    for (const bench::Case& c : bench::cases()) fmt::print("{}\n", c.name);
  };
  const bool check_only = argc > 1 && std::string(argv[1]) == "check";
  const int status =
      bench::read_options(options, argc - check_only, argv + check_only,
                          "Times the cases that other libraries are timed on too; one JSON line a case. With the word `check` "
                          "before all options it compares compiled with eager steps instead.",
                          list);
  if (status >= 0) return status;
  try {
    sg::set_threads(options.threads);
    if (options.device == "cuda") {
      sg::set_default_device(sg::cuda);
      options.wait = [] { sg::backend(sg::cuda).synchronise(); };
    } else {
      options.settle = sg::on_cpu::empty_pool;
    }
    if (check_only) return check(options);
    for (const bench::Case& c : bench::cases())
      if (c.wanted(options)) time_both(options, c);
    if (options.device == "cuda") bench::gpu_cases(options);
  } catch (const sg::Error& e) {
    fmt::print(stderr, "bench_peers: {}\n", e.what());
    return 2;
  }
}
