// The passes in their order. A pass that only gains time is removed by deleting its line, or for a run by naming it in SCOREGRAD_WITHOUT.
#include "autograd/compile/passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "autograd/compile/verify.h"

namespace scoregrad::compiled {
namespace {

struct NamedPass {
  const char* name;
  Sequence (*run)(Sequence);
  Pass stage;
};
constexpr NamedPass passes[] = {
    {"merge", merge, Pass::merged},
    {"drop", drop, Pass::merged},
    {"fold", fold, Pass::folded},
    // Twice, because what one group of calls shares with another shows when both are programs.
    {"fuse", fuse, Pass::fused},
    {"drop", drop, Pass::fused},
    {"fold", fold, Pass::fused},
    {"fuse", fuse, Pass::fused},
    {"drop", drop, Pass::fused},
    {"fold", fold, Pass::fused},
    {"recompute", recompute, Pass::fused},
    {"drop", drop, Pass::fused},
    {"absorb", absorb, Pass::fused},
    {"block", [](Sequence s) { return block(std::move(s)); }, Pass::blocked},
    {"plan", plan, Pass::planned},
    {"launch", launch, Pass::planned},
};
constexpr std::string_view removable[] = {"merge", "fuse", "recompute", "absorb", "block", "launch"};

std::vector<std::string> named_in_environment() {
  const char* said = std::getenv("SCOREGRAD_WITHOUT");
  std::vector<std::string> names;
  std::string_view rest = said ? said : "";
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(','));
    if (std::find(std::begin(removable), std::end(removable), name) == std::end(removable))
      throw Error({}, fmt::format("SCOREGRAD_WITHOUT={}: the passes that can be left out are {}", said, fmt::join(removable, ", ")));
    names.emplace_back(name);
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  return names;
}

// True if the environment leaves the pass out:  SCOREGRAD_WITHOUT=recompute,block.
bool left_out(const char* pass) {
  static const std::vector<std::string> names = named_in_environment();
  return std::find(names.begin(), names.end(), pass) != names.end();
}

}  // namespace

Sequence passed(const Sequence& recorded, Pass stage) {
  Sequence s = recorded;
  const auto check = [&](const char* pass) {
    if (verification()) verify(pass, s, recorded);
  };
  check("record");
  for (const NamedPass& step : passes) {
    if (step.stage > stage || left_out(step.name)) continue;
    s = step.run(std::move(s));
    check(step.name);
  }
  return s;
}

}  // namespace scoregrad::compiled
