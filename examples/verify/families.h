// The argument, one file a family, in the order in which it is read.
#pragma once
#include "examples/verify/run.h"

namespace scoregrad::verify {

void gaussian(Run& run);    // x ~ N(Ac + b, S(c)) and a linear score: every number in closed form
void mixture(Run& run);     // x ~ a mixture that c shapes, and a network as score: by quadrature
void encoder(Run& run);     // x is given and c = f(x) + tau eta is learnt
void raw_input(Run& run);   // c = f(y) and x, y are given: DSM follows the loss against p(x | y); penalties and cameras
void unbiased(Run& run);    // where DSM has no bias, and where the theorem's assumptions fail
void corollary1(Run& run);  // p(x) itself is optimised under a frozen score
void headline(Run& run);    // one number: DSM and ESM pull an encoder in opposite directions
void flow(Run& run);        // what following each gradient leads to
void images(Run& run);      // real images, a network as encoder, the exact law of the data

/// Throws Error unless the file of images can be read.
void check_images(const Plan& plan);

}  // namespace scoregrad::verify
