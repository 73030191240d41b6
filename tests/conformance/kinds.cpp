// The two tables of the program: how a case is recognised, and how close its quantities must come.
#include "tests/conformance/kinds.h"

namespace conformance {

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"op_gradients", "cases", "op", "name op attrs inputs pre ybar xdot", op_gradients},
  };
  return all;
}

double tolerance(const std::string& quantity) {
  static const std::vector<std::pair<const char*, double>> first_match = {
      {"op_gradients/conv* op_gradients/attention* op_gradients/*/hvp*", 1e-10},
      {"*", 1e-12},
  };
  for (const auto& [globs, allowed] : first_match)
    if (matches(globs, quantity)) return allowed;
  return 0;
}

}  // namespace conformance
