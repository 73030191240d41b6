// Where the library and its CUDA backend meet: the backend is a library of its own (libscoregrad_cuda.so), loaded when the device is first
// asked for, so that a program built with CUDA starts without driver, GPU or toolkit, and as fast as one without.
#pragma once
#include <cstddef>
#include <string>

#include "autograd/backend/caller.h"
#include "autograd/backend/machine.h"

namespace scoregrad::on_cuda {

/// What the backend asks of the program it serves.
struct Host {
  const char* version;     // both sides must be built from one source:
  size_t size_of_backend;  // else this or the version differs
  Caller (*find_caller)(Where at);
  MatmulPrecision (*matmul_precision)();
};

/// The one function that libscoregrad_cuda.so exports: opens the device and returns the table, or null with what is missing.
using Open = const Backend* (*)(const Host* host, std::string* missing);
constexpr const char* open_symbol = "scoregrad_open_cuda";

}  // namespace scoregrad::on_cuda
