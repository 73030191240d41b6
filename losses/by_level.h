// What decompose_over finds, as one table and one page: how losses and gradients change with the noise.
#pragma once
#include "losses/decomposition.h"

namespace scoregrad::losses {

/// A row a noise level: the losses, then for each of DecomposeOptions::wrt the gradients of DSM, ESM and C2, numbers as they are and others
/// by their norm, all with their errors as in the table of one decomposition. Empty for none.
std::string to_string(const std::vector<Decomposition>& by_level);
/// Writes a page with that table, with the losses as curves over sigma, and with a chart of those gradients for each of wrt; all of it or
/// nothing. Throws Error, also for none.
void save(const std::vector<Decomposition>& by_level, const std::string& path, Where at = Where::here());

}  // namespace scoregrad::losses
