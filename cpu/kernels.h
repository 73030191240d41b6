// The structural entries of the CPU's table (autograd/backend/contract.h says what each computes); each is defined in the file of its name.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

// copy.cpp
void copy(const View& out, const View& in);
void fill(const View& out, Immediate value);
// reduce.cpp
void reduce(Reduction kind, const View& out, const View& in, const Axes& axes);
// reduce_program.cpp
void reduce_program(Reduction kind, const View& out, const Program& program, const Shape& shape, const Access* inputs, const Axes& axes);
// scan.cpp
void cumsum(const View& out, const View& in, int axis);
// sort.cpp
void sort(const View& values, const View& indices, const View& in, int axis, bool descending);
// index.cpp
void gather(Where at, const View& out, const View& in, const View& index, int axis);
void scatter_add(Where at, const View& out, const View& index, const View& in, int axis);
void index_select(Where at, const View& out, const View& in, const View& index, int axis);
void index_add(Where at, const View& out, const View& index, const View& in, int axis);
// matmul.cpp
void matmul(const View& out, const View& a, const View& b);
// convolution.cpp
void convolution(Where at, ConvolutionPart part, const View& out, const View& a, const View& b, const Convolution& geometry);
// linalg.cpp
void cholesky(Where at, const View& out, const View& in);
void solve(Where at, const View& out, const View& a, const View& b);
void triangular_solve(Where at, const View& out, const View& a, const View& b, Triangle triangle, bool transposed);
void logabsdet(Where at, const View& logabs, const View& sign, const View& a);
void symeig(Where at, const View& values, const View& vectors, const View& in);

}  // namespace scoregrad::on_cpu
