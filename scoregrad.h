// The whole public interface.
#pragma once
#include "autograd/graph/gradient.h"
#include "autograd/graph/observer.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "autograd/tensor/print.h"
#include "scoregrad/config.h"
