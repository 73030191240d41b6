// A decomposition as a table that a reader can check by adding up.
#include <fmt/format.h>

#include <cmath>
#include <set>
#include <vector>

#include "losses/decomposition.h"

namespace scoregrad::losses {
namespace {

constexpr int label_width = 16, cell_width = 21;

std::string cell(double mean, double error) {
  if (error == 0) return fmt::format("{:{}.6g}", mean, cell_width);
  return fmt::format("{:>{}}", fmt::format("{:.5g} +- {:.2g}", mean, error), cell_width);
}

// One number stands as it is; several by their norm, whose error is that of the direction of the gradient.
std::string cell(const Gradient& g) {
  if (g.mean.size() == 1 && g.mean[0].numel() == 1) return cell(g.mean[0].item(), g.error[0].item());
  const double norm = g.norm();
  double variance = 0;
  for (size_t i = 0; i < g.mean.size(); ++i) {
    const std::vector<double> m = g.mean[i].to_vector<double>(), e = g.error[i].to_vector<double>();
    for (size_t k = 0; k < m.size(); ++k) variance += norm == 0 ? e[k] * e[k] : m[k] * m[k] * e[k] * e[k] / (norm * norm);
  }
  return cell(norm, std::sqrt(variance));
}

}  // namespace

std::string to_string(const Decomposition& d) {
  struct Column {
    const char* name;
    const Term* term;
  };
  std::vector<Column> columns = {{"DSM", &d.dsm}, {"= ESM", &d.esm}, {"- C2", &d.c2}, {"+ C3", &d.c3}, {"residual", &d.residual}};
  if (d.has_ism) columns.push_back({"ISM", &d.ism});

  std::string out =
      fmt::format("x_t = {:g} x + {:g} eps in {} dimension{}; {}\n", d.alpha, d.sigma, d.dim, d.dim == 1 ? "" : "s",
                  d.exact ? fmt::format("exact, {} nodes", d.samples) : fmt::format("{} samples, mean +- standard error", d.samples));
  out += fmt::format("{:{}}", "", label_width);
  for (const Column& c : columns) out += fmt::format("{:>{}}", c.name, cell_width);
  out += fmt::format("\n{:{}}", "loss", label_width);
  for (const Column& c : columns) out += cell(c.term->value.mean, c.term->value.error);

  for (const auto& [name, gradient] : d.dsm.gradient) {
    const bool number = gradient.total.mean.size() == 1 && gradient.total.mean[0].numel() == 1;
    out += fmt::format("\n{:{}}", number ? "d/d " + name : "|d/d " + name + "|", label_width);
    std::set<std::string> paths;
    for (const Column& c : columns) {
      out += cell(c.term->gradient.at(name).total);
      for (const auto& [path, part] : c.term->gradient.at(name).by_path)
        if (!path.empty()) paths.insert(path);
    }
    if (!paths.empty()) paths.insert("");
    for (const std::string& path : paths) {
      bool present = false;
      std::string line = fmt::format("\n  {:{}}", path.empty() ? "elsewhere" : path, label_width - 2);
      for (const Column& c : columns) {
        const auto& by_path = c.term->gradient.at(name).by_path;
        const auto it = by_path.find(path);
        present = present || it != by_path.end();
        line += it == by_path.end() ? fmt::format("{:>{}}", "", cell_width) : cell(it->second);
      }
      if (present) out += line;
    }
  }
  return out + "\n";
}

}  // namespace scoregrad::losses
