// The whole public interface.
#pragma once
#include "autograd/backend/device.h"
#include "autograd/backend/dtype.h"
#include "autograd/backend/error.h"
#include "autograd/backend/shape.h"
#include "scoregrad/config.h"
