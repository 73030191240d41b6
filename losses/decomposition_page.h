// Gradients by path as a chart: one bar a loss, one part a path.
#pragma once
#include <optional>

#include "losses/decomposition.h"
#include "report/chart.h"

namespace scoregrad::losses {

/// The gradient for one of DecomposeOptions::wrt as stacked bars: its element number `element`; without one a single number as it is and
/// of several the norm along each path, which do not add up to the norm of the total. Caption and alt may be written over.
report::BarChart by_path(const std::string& wanted, const std::vector<NamedTerm>& terms, std::optional<int64_t> element = {});

}  // namespace scoregrad::losses
