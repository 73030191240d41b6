#include "benchmarks/bench_peers/gpu.h"

#include <string>

#include "autograd/backend/machine.h"
#include "autograd/compile/compile.h"
#include "autograd/graph/mode.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "benchmarks/cases/case.h"
#include "benchmarks/cases/elementwise.h"

namespace bench {

namespace sg = scoregrad;

namespace {

sg::Tensor layer_norm(const sg::Tensor& x) {
  const sg::Tensor centred = x - sg::mean(x, {-1}, true);
  return centred * sg::rsqrt(sg::mean(sg::square(centred), {-1}, true) + 1e-5);
}

// Bytes moved in the notes: time / bytes is what compares with the copy of the same run.
void memory_bound(const Options& o) {
  const sg::Tensor x = sg::uniform({1 << 26}, sg::Key(2)) * 2 - 1;
  time_case(
      o, "gpu_copy_64m", [&] { sg::clone(x); }, "copy of 64 M floats: reads and writes 512 MiB");
  time_case(
      o, "gpu_exp_64m", [&] { sg::exp(x); }, "one op: reads and writes 512 MiB");
  time_case(
      o, "gpu_chain_64m_eager", [&] { chain(x); }, "12 ops, each its own pass");
  auto fused = sg::compile([](const sg::Tensor& a) { return chain(a); });
  time_case(
      o, "gpu_chain_64m", [&] { fused(x); }, "12 ops compiled: reads and writes 512 MiB");
  auto summed = sg::compile([](const sg::Tensor& a) { return sg::sum(chain(a)); });
  time_case(
      o, "gpu_chain_sum_64m", [&] { summed(x); }, "12 ops and their sum compiled: reads 256 MiB");
  time_case(
      o, "gpu_sum_64m", [&] { sg::sum(x); }, "reads 256 MiB");
  time_case(
      o, "gpu_normal_64m", [&] { sg::normal({1 << 26}, sg::Key(3)); }, "writes 256 MiB");
  const sg::Tensor rows = sg::reshape(x, {1 << 16, 1 << 10});
  auto softmax = sg::compile([](const sg::Tensor& a) { return sg::softmax(a, -1); });
  time_case(
      o, "gpu_softmax_64k_1k", [&] { softmax(rows); }, "softmax of rows compiled: at least reads and writes 512 MiB");
  auto norm = sg::compile([](const sg::Tensor& a) { return layer_norm(a); });
  time_case(
      o, "gpu_layer_norm_64k_1k", [&] { norm(rows); }, "layer norm of rows compiled: at least reads and writes 512 MiB");
}

// The same sizes as benchmarks/direct_cublas.cpp.
void products(const Options& o) {
  for (const int64_t n : {256, 1024, 4096, 8192})
    for (const sg::DType t : {sg::float32, sg::float64}) {
      const sg::Tensor a = sg::normal({n, n}, sg::Key(4), {t}), b = sg::normal({n, n}, sg::Key(5), {t});
      const std::string name = "gpu_matmul_" + std::to_string(n) + "_" + sg::name_of(t);
      time_case(
          o, name, [&] { sg::matmul(a, b); }, "square matrices");
      if (t != sg::float32) continue;
      sg::set_matmul_precision(sg::MatmulPrecision::tf32);
      time_case(
          o, "gpu_matmul_" + std::to_string(n) + "_tf32", [&] { sg::matmul(a, b); }, "square matrices");
      sg::set_matmul_precision(sg::MatmulPrecision::full);
    }
}

void overhead(const Options& o) {
  const sg::Tensor a = sg::normal({16}, sg::Key(6)), b = sg::normal({16}, sg::Key(7));
  time_case(
      o, "gpu_op_overhead", [&] { a + b; }, "one 16-element add, eager: the host's time where the GPU keeps up");
}

// The small training step, which the host cannot start as fast as the GPU runs it: its calls as one launch and one by one. What the loss
// says is not read after each step, as the cases of all devices do.
void launches(const Options& o) {
  for (const Case& c : training_cases()) {
    if (c.name != "mlp_dsm_step_small") continue;
    for (const sg::OneLaunch use : {sg::OneLaunch::always, sg::OneLaunch::never}) {
      const std::string name = use == sg::OneLaunch::always ? "gpu_step_small_one_launch" : "gpu_step_small_call_by_call";
      if (!name.starts_with(o.only)) continue;
      const Problem problem = c.make(c.size_at(1));
      const sg::Tensor key = sg::Key(5).tensor();
      sg::CompiledStep step([&](const sg::Tensors&) { return advance(problem, key); }, {.launch = use});
      for (int i = 0; i < 5; ++i) step({});
      time_case(
          o, name, [&] { step({}); }, step.mode({}));
    }
  }
}

}  // namespace

void gpu_cases(const Options& options) {
  launches(options);
  const sg::NoGrad plain;
  overhead(options);
  products(options);
  memory_bound(options);
}

}  // namespace bench
