// Distributions in the plane that a figure can judge. Those with a law in closed form are laws; of the others samples are exact and
// FiniteData{samples} gives a noised law.
#pragma once
#include "distributions/finite.h"
#include "distributions/mixture.h"

namespace scoregrad::distributions::shapes {

/// Equally spaced points on a circle about the origin. Noised by sigma they are the uniform law on it, whose density holds a Bessel
/// function, to rounding where `points` exceeds 9 sqrt(|x| radius) / sigma.
FiniteData circle(int64_t points = 256, double radius = 1, Options options = {}, Where at = Where::here());
/// Eight Gaussians of equal weight about a circle.
Mixture eight_gaussians(double radius = 2, double deviation = 0.2, Options options = {}, Where at = Where::here());

/// Two half circles that reach into each other: (cos u, sin u) and (1 - cos u, 1/2 - sin u), u in [0, pi], plus noise.   [n, 2]
Tensor two_moons(int64_t n, const Key& key, double noise = 0.05, Options options = {}, Where at = Where::here());
/// A spiral of one and a half turns, r (cos r, sin r) / (9 pi / 2), r in [3 pi / 2, 9 pi / 2], plus noise.   [n, 2]
Tensor swiss_roll(int64_t n, const Key& key, double noise = 0.02, Options options = {}, Where at = Where::here());
/// Uniform on the eight unit squares of [-2, 2]^2 whose corner numbers have an even sum.   [n, 2]
Tensor checkerboard(int64_t n, const Key& key, Options options = {}, Where at = Where::here());
/// Blades about the origin, wound as they go out.   [n, 2]   (Johnson et al. 2016)
Tensor pinwheel(int64_t n, const Key& key, int64_t blades = 5, Options options = {}, Where at = Where::here());

}  // namespace scoregrad::distributions::shapes
