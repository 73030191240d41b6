#include "tests/conformance/decomposed.h"

#include <fmt/format.h>

namespace conformance {

std::vector<Differentiated> differentiated(const std::string& field, const Named& tensors) {
  std::vector<Differentiated> all;
  for (const auto& [name, x] : tensors) all.push_back({field, name, x});
  return all;
}

losses::DecomposeOptions options_for(const std::vector<Differentiated>& wanted, double alpha, double sigma, const quadrature::Rule& rule) {
  losses::DecomposeOptions options;
  options.alpha = alpha;
  options.sigma = sigma;
  options.rule = rule;  // as it is: the files' own numbers tell how good it is
  options.tolerance = 1;
  options.most_nodes = int64_t{1} << 40;
  for (size_t i = 0; i < wanted.size(); ++i) options.wrt.emplace_back(std::to_string(i), wanted[i].x);
  return options;
}

void add(Values& values, const losses::Decomposition& d, const std::vector<Differentiated>& wanted) {
  const std::vector<std::pair<std::string, const losses::Term*>> terms = {
      {"dsm", &d.dsm}, {"esm", &d.esm}, {"ism", &d.ism}, {"c2", &d.c2}, {"c3", &d.c3}, {"sds", &d.sds}, {"vsd_kl", &d.vsd}};
  for (const auto& [loss, term] : terms) {
    values.add("loss." + loss, term->value.mean);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Differentiated& w = wanted[i];
      const auto found = term->gradient.find(std::to_string(i));
      if (found == term->gradient.end()) continue;
      const losses::PathGradient& g = found->second;
      const auto at = [&](const std::string& path) { return g.along(path).mean.at(0); };
      const std::string tail = w.name.empty() ? "" : "." + w.name, place = w.field + "." + loss;
      const Tensor total = g.total.mean.at(0);
      values.add(place + (w.parts == Differentiated::by_path ? ".total" : tail), total);
      if (w.parts == Differentiated::by_path)
        for (const char* path : {"net", "dist", "target"}) values.add(place + "." + path, at(path));
      if (w.parts == Differentiated::joined)
        for (const char* path : {"net", "target_c", "target_w"}) values.add(fmt::format("{}_{}{}", place, path, tail), at(path));
      if (loss == "esm" && w.parts != Differentiated::joined)
        values.add(w.field + ".esm_detached_target" + (w.parts == Differentiated::by_path ? ".total" : tail), total - at("target"));
    }
  }
}

}  // namespace conformance
