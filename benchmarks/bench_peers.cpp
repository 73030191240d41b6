// The cases that other libraries are timed on too, with the same arithmetic: bench_peers --case NAME --threads N --seconds S.
#include <fmt/format.h>
#include <scoregrad.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <vector>

#include "autograd/backend/machine.h"
#include "benchmarks/bench_peers/blocks.h"
#include "benchmarks/bench_peers/derivatives.h"
#include "benchmarks/bench_peers/gpu.h"
#include "benchmarks/bench_peers/particles.h"
#include "benchmarks/bench_peers/stopwatch.h"
#include "benchmarks/bench_peers/training.h"
#if SCOREGRAD_HAVE_OPENMP
#include <omp.h>
#endif

namespace sg = scoregrad;

namespace {

// Four ops forward and backward on 16 elements: what is left is the engine's overhead.
void op_overhead(const bench::Options& o) {
  const sg::Key key(1);
  const sg::Tensor a = sg::normal({16}, key.fold("a")).requires_grad(), b = sg::normal({16}, key.fold("b")).requires_grad();
  const sg::Tensor x = sg::normal({16}, key.fold("x"));
  const auto forward = [&] { return sg::sum(sg::tanh(a * x + b)); };
  bench::time_case(
      o, "op_overhead",
      [&] {
        sg::grad(forward(), {a, b});
      },
      "grad with respect to a, b");
  bench::time_case(
      o, "op_overhead_fwd_graph", [&] { forward(); }, "forward, graph recorded and freed");
  const sg::NoGrad plain;
  bench::time_case(
      o, "op_overhead_fwd_nograd", [&] { forward(); }, "forward, nothing recorded");
  bench::time_case(
      o, "op_overhead_add", [&] { a + b; }, "one 16-element add, nothing recorded");
  bench::time_case(
      o, "op_overhead_empty", [&] { sg::empty({16}); }, "one 16-element allocation");
}

// Twelve ops on 4 M elements, each its own pass.
void elementwise_chain(const bench::Options& o) {
  const sg::Tensor x = sg::uniform({1 << 22}, sg::Key(2)) * 2 - 1;
  bench::time_case(
      o, "elementwise_chain_fwd",
      [&] {
        const sg::NoGrad plain;
        bench::chain(x);
      },
      "12 ops, eager");
  {
    const sg::NoGrad plain;
    auto compiled = sg::compile([&] { return bench::chain(x); });
    bench::time_case(
        o, "elementwise_chain_fwd_compiled", [&] { compiled(); }, "12 ops, compiled");
  }
  const sg::Tensor leaf = sg::clone(x).requires_grad();
  auto with_gradient = sg::compile([&] { return sg::grad(sg::sum(bench::chain(leaf)), leaf); });
  bench::time_case(
      o, "elementwise_chain_fwdbwd_compiled", [&] { with_gradient(); }, "12 ops and their gradient, compiled");
  bench::time_case(
      o, "elementwise_chain_fwdbwd", [&] { sg::grad(sg::sum(bench::chain(leaf)), leaf); }, "12 ops and their gradient, eager");
}

// exp against the copy of the same bytes, in one run.
void exp_and_copy(const bench::Options& o) {
  const int64_t n = 1 << 22;
  const sg::Tensor x = sg::uniform({n}, sg::Key(3)) * 2 - 1;
  std::vector<float> from(static_cast<size_t>(n), 1.0f), to(static_cast<size_t>(n));
  for (int round = 0; round < 3; ++round) {
    bench::time_case(
        o, "exp_4m", [&] { sg::exp(x); }, "exp of 4 M floats");
    bench::time_case(
        o, "exp_4m_memcpy", [&] { std::memcpy(to.data(), from.data(), from.size() * sizeof(float)); }, "memcpy of 16 MB");
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  CLI::App app("Times the cases that other libraries are timed on too; one JSON line a case.");
  app.add_option("--case", options.only, "prefix of the cases to run");
  app.add_option("--threads", options.threads, "OpenMP threads")->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "budget of one case")->check(CLI::PositiveNumber);
  app.add_option("--device", options.device, "where to compute: cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
#if SCOREGRAD_HAVE_OPENMP
  omp_set_num_threads(options.threads);
#endif
  try {
    if (options.device == "cuda") {
      sg::set_default_device(sg::cuda);
      options.wait = [] { sg::backend(sg::cuda).synchronise(); };
    }
    op_overhead(options);
    elementwise_chain(options);
    if (options.device == "cuda")
      bench::gpu_cases(options);
    else
      exp_and_copy(options);
    bench::training_cases(options);
    bench::block_cases(options);
    bench::derivative_cases(options);
    bench::particle_cases(options);
  } catch (const sg::Error& e) {
    fmt::print(stderr, "bench_peers: {}\n", e.what());
    return 2;
  }
}
