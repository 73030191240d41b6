#include "benchmarks/bench_report/figures.h"

#include <algorithm>

namespace bench {

const std::vector<Asked>& asked() {
  static const std::vector<Asked> all = {
      {.name = "op_overhead_eager", .must = 0.1, .stretch = 0.05},
      {.name = "op_overhead_add_eager", .must = 0.2, .stretch = 0.1},
      {.name = "mlp_dsm_step_small", .must = 0.45, .stretch = 0.27},
      {.name = "mlp_dsm_step_large", .must = 0.95, .stretch = 0.85, .must_all = 0.8, .stretch_all = 0.55},
      {.name = "elementwise_chain_fwd", .must = 0.2, .stretch = 1 / 6.5},
      {.name = "elementwise_chain_fwd_eager", .must = 0.5, .stretch = 0.35},
      {.name = "elementwise_chain_fwdbwd", .must = 0.125, .stretch = 1.0 / 11},
      {.name = "jacobian_trace_2d", .must = 0.4, .stretch = 0.2},
      {.name = "jacobian_trace_64d", .must = 0.45, .stretch = 0.3},
      {.name = "hvp", .must = 0.45, .stretch = 0.25},
      {.name = "langevin_mlp", .must = 0.6, .stretch = 0.45},
      {.name = "langevin_gmm", .must = 0.1, .stretch = 0.025},
      {.name = "pathwise_c_grad", .must = 0.4, .stretch = 0.22},
      {.name = "conv_unet_step", .must = 1, .stretch = 0.75},
      {.name = "attention_block_step", .must = 0.8, .stretch = 0.55},
  };
  return all;
}

double wanted_speed_up(const std::string& name) {
  for (const char* wide : {"mlp_dsm_step_large", "elementwise_chain_fwd", "elementwise_chain_fwdbwd", "langevin_mlp", "langevin_gmm",
                           "conv_unet_step", "pathwise_c_grad"})
    if (name == wide) return 1.7;
  return 1;
}

std::string counterpart(const std::string& name) {
  const size_t cut = name.rfind("_eager");
  return cut != std::string::npos && cut + 6 == name.size() ? name.substr(0, cut) : name;
}

std::optional<Ratio> ratio(const Measurements& m, const Asked& figure, int threads) {
  const Row *ours = m.find("scoregrad", figure.name, threads), *theirs = m.find("libtorch", counterpart(figure.name), threads);
  if (!ours || !theirs || !(theirs->median_us > 0)) return {};
  const bool all = threads > 1 && figure.must_all > 0;
  return Ratio{.ours = ours,
               .theirs = theirs,
               .value = ours->median_us / theirs->median_us,
               .must = all ? figure.must_all : figure.must,
               .stretch = all ? figure.stretch_all : figure.stretch,
               .loaded = ours->loaded || theirs->loaded};
}

Rates rates(const Measurements& m, int threads) {
  Rates best;
  for (const Row& r : m.rows()) {
    if (r.peer != "limits" || r.threads != threads || !(r.median_us > 0)) continue;
    const auto raise = [&](double& to, double work) { to = std::max(to, work / r.median_us); };
    raise(r.name == "limit_fma" ? best.multiply_adds : best.flops, r.flops);
    raise(best.bytes, r.bytes);
    raise(best.functions, r.functions);
    raise(best.normals, r.normals);
  }
  return best;
}

Floor floor_of(const Row& row, const Rates& rates) {
  const auto time = [](double work, double rate) { return rate > 0 ? work / rate : 0.0; };
  const double memory = time(row.bytes, rates.bytes), products = time(row.flops, rates.flops);
  const double functions = time(row.functions, rates.functions) + time(row.normals, rates.normals);
  if (memory >= products + functions) return {memory, memory > 0 ? "memory" : ""};
  return {products + functions, products >= functions ? "products" : "functions"};
}

}  // namespace bench
