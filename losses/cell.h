// How a number of a decomposition is printed, with what it is worth.
#pragma once
#include "losses/decomposition.h"

namespace scoregrad::losses {

/// A sampled mean to the two digits that its standard error leaves it. An integrated one with its error where six digits show it; what is
/// only rounding is shown as such, not digit by digit.
std::string cell(double mean, double error, bool sampled);
/// The same of an identity: an integrated one that holds to the last bit does so by chance.
inline std::string of_identity(std::string cell, bool sampled) { return !sampled && cell == "0" ? "~0" : cell; }
/// One number stands as it is; several by their norm, with the norm of their errors.
std::string cell(const Gradient& g, bool sampled);

}  // namespace scoregrad::losses
