// Comparing and printing, one line a quantity.
#include "tests/conformance/report.h"

#include <fnmatch.h>

#include <cmath>
#include <sstream>

#include <fmt/format.h>

#include "scoregrad/fmt.h"

namespace conformance {

std::vector<Tensor> Values::at(const std::string& name) const {
  std::vector<Tensor> all;
  const auto [first, last] = values_.equal_range(name);
  for (auto i = first; i != last; ++i) all.push_back(i->second);
  return all;
}

std::string Values::why_missing(const std::string& name) const {
  for (const auto& [prefix, why] : missing_)
    if (name.compare(0, prefix.size(), prefix) == 0) return why;
  return "nothing here computes this quantity";
}

bool matches(const std::string& globs, const std::string& text) {
  std::istringstream words(globs);
  for (std::string glob; words >> glob;)
    if (fnmatch(glob.c_str(), text.c_str(), 0) == 0) return true;
  return false;
}

std::string label_of(const Field& test) {
  const std::string name = test.has("name") ? test["name"].text() : "", op = test.has("op") ? test["op"].text() : "";
  if (name.empty()) return op.empty() ? test.path() : op + "@" + test.path();
  return name.compare(0, op.size(), op) == 0 ? name : op + ":" + name;
}

void Report::line(const char* verdict, const std::string& label, const std::string& quantity, const std::string& text) {
  fmt::print("{:<11} {:<28} {:<34} {}\n", verdict, label, quantity, text);
}

void Report::run(const Kind& kind, const Field& test, const std::string& label) {
  Values values;
  try {
    kind.compute(test, values);
  } catch (const Unsupported& e) {
    ++unsupported;
    return line("unsupported", label, "all", e.what());
  } catch (const Error& e) {
    ++failed;
    return line("fail", label, "all", e.what());
  }
  compare(kind, test, "", label, values);
}

// What is neither given nor a tensor is looked into; texts, flags and nulls say nothing that could be compared.
void Report::compare(const Kind& kind, const Field& want, const std::string& name, const std::string& label, const Values& values) {
  if (!name.empty() && matches(kind.given, name)) return;
  if (want.is_tensor()) return quantity(kind, want, name, label, values);
  if (want.json().is_object())
    for (const std::string& key : want.keys()) compare(kind, want[key], name.empty() ? key : name + "." + key, label, values);
  if (want.json().is_array())
    for (size_t i = 0; i < want.size(); ++i) compare(kind, want[i], fmt::format("{}[{}]", name, i), label, values);
}

void Report::quantity(const Kind& kind, const Field& want, const std::string& name, const std::string& label, const Values& values) {
  const Tensors routes = values.at(name);
  if (routes.empty()) {
    ++unsupported;
    return line("unsupported", label, name, values.why_missing(name));
  }
  const Tensor expected = want.tensor();
  const std::vector<double> b = expected.to_vector<double>();
  const double allowed = tolerance(fmt::format("{}/{}/{}", kind.name, label, name));
  double worst = 0;
  std::string wrong_shape;
  for (const Tensor& route : routes) {
    if (route.shape() != expected.shape()) {
      wrong_shape = fmt::format("shape {}, want {}", route.shape(), expected.shape());
      continue;
    }
    const std::vector<double> a = route.to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i) {
      const double error = std::abs(a[i] - b[i]) / (1 + std::abs(b[i]));
      worst = error <= worst ? worst : error;  // a NaN becomes the worst and stays it
      if (std::isnan(error)) break;
    }
    if (std::isnan(worst)) break;
  }
  const bool good = wrong_shape.empty() && worst <= allowed;
  ++(good ? passed : failed);
  line(good ? "pass" : "fail", label, name, wrong_shape.empty() ? fmt::format("{:.1e}  (tolerance {:.0e})", worst, allowed) : wrong_shape);
}

}  // namespace conformance
