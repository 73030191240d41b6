// The heart: the recorded graph walked in two directions. Cotangents and tangents live in the sweep, never on the nodes, so a second
// sweep through the same graph gives the same answer; nodes are visited in the order of their ids, so nothing recurses.
#pragma once
#include <span>

#include "autograd/graph/node.h"

namespace scoregrad {

struct SweepOptions {
  bool record = false;     ///< leave history on the results, so that they can be differentiated again
  Paths* paths = nullptr;  ///< keep the parts that took different tagged paths apart
  bool cut = false;        ///< stop at what is given: at targets (reverse) or sources (forward), whose operands are somebody else's
};

/// Reverse: the cotangents of `targets`, given those of `sources`.   g_target = sum over sources (d source / d target)' g_source
std::vector<Cotangent> sweep_back(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                  const SweepOptions& options);

/// Forward: the tangents of `targets`, given those of `sources`.   t_target = sum over sources (d target / d source) t_source
std::vector<Cotangent> sweep_forward(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                     const SweepOptions& options);

}  // namespace scoregrad
