// What a case has to do at the least, counted by hand beside its declaration; with the machine's own rates it gives the case's floor.
#pragma once

namespace bench {

/// The least work of one run. What the caches can hold between two steps need not cross memory and is not counted.
struct Work {
  double flops = 0;      ///< of matrix products and convolutions
  double bytes = 0;      ///< inputs read and results written
  double functions = 0;  ///< values of exp, tanh, sigmoid and the like
  double normals = 0;    ///< normal random numbers
};

}  // namespace bench
