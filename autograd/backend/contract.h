// The contract between the engine and a device: whoever fills this struct is a backend. cpu/ and cuda/ do, and see nothing above this
// folder. Outputs are allocated by the caller; an output never overlaps an input unless it is the same view of an elementwise call.
#pragma once
#include "autograd/backend/device.h"
#include "autograd/backend/error.h"
#include "autograd/backend/program.h"

namespace scoregrad {

enum class Reduction : uint8_t { sum, prod, max, min, argmax, argmin };
enum class Random : uint8_t { uniform, normal, bits };
enum class Triangle : uint8_t { lower, upper };

/// Two 32-bit words. With `address` set they are read there when the call runs (int64 [2], on the device), else taken from `words`.
struct KeyWords {
  uint32_t words[2];
  const int64_t* address;
};

/// The three arrays of a convolution, each a linear function of the other two.
enum class ConvolutionPart : uint8_t {
  forward,  ///< out = y from a = x and b = w
  input,    ///< out = x from a = y and b = w, the adjoint in x: what no window reads becomes 0
  weight,   ///< out = w from a = x and b = y, the adjoint in w
};
/// y[n, o, p] = sum over c, k of x[n, c, p stride - before + k dilation] w[o, c, k] for positions p = (p0, p1) and k = (k0, k1), with x = 0
/// outside. The padding after the last element follows from the extents. x [n, c, h, w], w [o, c / groups, kh, kw], y [n, o, ph, pw];
/// each group of o / groups outputs reads its own c / groups inputs. One spatial axis: h = kh = ph = 1.
struct Convolution {
  int64_t stride[2], before[2], dilation[2];
  int64_t groups;
};

/// Bytes handed out now, at most so far, and held in the pool for reuse.
struct MemoryUse {
  int64_t live, peak, pooled;
};

/// Calls that a device has taken down to run them again as one; each backend defines its own.
struct CallGraph;

struct Backend {
  const char* name;

  // memory
  void* (*allocate)(Where at, size_t bytes);  // 64-byte aligned, from a pool; throws Error when out of memory and stays usable
  void (*release)(void* data, size_t bytes) noexcept;
  void (*upload)(void* device, const void* host, size_t bytes);
  void (*download)(void* host, const void* device, size_t bytes);
  void (*synchronise)();
  MemoryUse (*memory)();
  void (*reset_peak)();

  // arithmetic
  void (*elementwise)(const Program& program, const Shape& shape, const Access* inputs, const Access* outputs);
  void (*copy)(const View& out, const View& in);  // same shape, any strides, casts: float to int truncates, anything to bool is x != 0
  void (*fill)(const View& out, Immediate value);
  void (*reduce)(Reduction kind, const View& out, const View& in,
                 const Axes& axes);  // out: in's shape with `axes` of extent 1; arg*: one axis, int64, first of equals
  void (*reduce_program)(Reduction kind, const View& out, const Program& program, const Shape& shape, const Access* inputs,
                         const Axes& axes);  // reduce of a program's one result, which is never stored; null where a device has none
  void (*cumsum)(const View& out, const View& in, int axis);
  void (*sort)(const View& values, const View& indices, const View& in, int axis, bool descending);  // stable, NaN last; indices int64
  void (*gather)(Where at, const View& out, const View& in, const View& index,
                 int axis);  // out[i][j] = in[index[i][j]][j] for axis 0; out has index's shape
  void (*scatter_add)(Where at, const View& out, const View& index, const View& in,
                      int axis);  // out[index[i][j]][j] += in[i][j], in order of i
  void (*index_select)(Where at, const View& out, const View& in, const View& index,
                       int axis);  // out[i, :] = in[index[i], :] for axis 0; index [n]
  void (*index_add)(Where at, const View& out, const View& index, const View& in, int axis);  // out[index[i], :] += in[i, :], in order of i
  void (*matmul)(const View& out, const View& a,
                 const View& b);  // [.., m, k] x [.., k, n]: same batch extents (stride 0 repeats), any strides

  // any strides, float32 or float64; null where a device has none
  void (*convolution)(Where at, ConvolutionPart part, const View& out, const View& a, const View& b, const Convolution& geometry);

  // random numbers: element i of a stream is word i mod 4 of Philox block i div 4 (float64: two words); `offset` counts elements
  void (*random)(Random kind, const View& out, KeyWords key, uint64_t offset);  // out contiguous; bits: int64 in [0, 2^32)
  void (*fold)(const View& out, KeyWords key, const View& data);                // out int64 [.., 2] = fold(key, data[..]), data int64

  // factorisations, batched over leading extents; matrices row-major contiguous, float32 or float64
  void (*cholesky)(Where at, const View& out,
                   const View& in);  // lower L with L L' = in; throws if not positive definite, naming the batch entry
  void (*solve)(Where at, const View& out, const View& a, const View& b);  // a^-1 b; throws if singular
  void (*triangular_solve)(Where at, const View& out, const View& a, const View& b, Triangle triangle, bool transposed);
  void (*logabsdet)(Where at, const View& logabs, const View& sign, const View& a);
  void (*symeig)(Where at, const View& values, const View& vectors,
                 const View& in);  // lower triangle of in = V diag(values) V', values ascending; of each column of V the largest entry in
                                   // size (the first of equals) is positive; throws if LAPACK gives up, naming the batch entry

  // many calls as one launch; null where a device has none. Between begin and end what this thread calls is taken down and not run; a call
  // that must wait for the device or cannot be taken down throws Error. Memory that the calls take for themselves stays the graph's.
  void (*begin_graph)();                   // throws where nothing can be taken down now
  CallGraph* (*end_graph)(bool keep);      // ends it in any case; null if not to be kept; throws if it cannot be run as one
  void (*launch_graph)(CallGraph* graph);  // the calls once more, on the same addresses and numbers
  void (*destroy_graph)(CallGraph* graph) noexcept;

  // work(context, i, worker) for i in [0, count), shared out among the threads where all of it takes long enough (ns) to repay that;
  // 0 <= worker < threads(). Calls made in it keep to their thread. What it throws is thrown again once all have ended. Null on a device
  // whose calls the host does not wait for.
  void (*share)(int64_t count, double ns, void (*work)(void* context, int64_t i, int worker), void* context);
};

const Backend& cpu_backend();
/// Loads the CUDA backend at the first call; throws Error that says what is missing on this machine or in this build.
const Backend& cuda_backend(Where at);

/// The backend of a device; throws Error for a device that this build or machine does not have.
const Backend& backend(Device device, Where at = Where::here());

}  // namespace scoregrad
