// The divergence of a network, exactly and without a sweep a dimension where its layers allow it.
#pragma once
#include "autograd/graph/jacobian.h"
#include "nn/mlp.h"

namespace scoregrad::nn {

/// f(x) and sum_i df_i/dx_i of each row, both with the history of an ordinary op. With one or two hidden layers, no norm and no residual it
/// takes a few matrix products:  a'(z)' [W1 o W2'] 1  or  a'(z2)' [W2 o (W1 W3)'] a'(z1), z what the activation a is given; any other MLP
/// takes D forward sweeps.   x [B, D] -> value [B, D], divergence [B]
ValueAndDivergence divergence(const MLP& f, const Tensor& x, Where at = Where::here());

}  // namespace scoregrad::nn
