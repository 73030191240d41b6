// Mixtures as the files write them, and expectations over their noised law by quadrature.
#pragma once
#include "distributions/mixture.h"
#include "tests/conformance/expectation.h"

namespace conformance {

/// {"pi": [K], "mu": [K], "v": [K]}: a mixture on the line.
Mixture line_mixture(const Field& object);
/// [[weight, mean, variance], ..]: the same, entry by entry.
Mixture line_mixture_of(const Field& components);
/// A key that is a number, "0.25".
double number_of(const Field& object, const std::string& key);

/// The trapezoidal rule for so many dimensions: it converges exponentially, and more dimensions must do with a wider step; beyond three it
/// throws Unsupported.
quadrature::Rule rule_for(int64_t dims);
/// Visits the law of x_t = alpha x + sigma eps in blocks of weights, eps and x_t; gradients reach p, its weights included.
void visit(const Mixture& p, double alpha, double sigma, const std::function<void(const Block&)>& block);
/// The losses of p under a score.
Named mixture_losses(const Mixture& p, const Score& s, double alpha, double sigma);

}  // namespace conformance
