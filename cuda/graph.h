// Many calls as one launch. Between begin and end this thread's calls go to a stream of their own that captures them: other threads' calls,
// which belong to the one stream, stay out, and nothing runs. Scratch memory taken meanwhile belongs to the graph.
#pragma once
#include "autograd/backend/contract.h"
#include "cuda/verdict.h"

namespace scoregrad::on_cuda {

/// Throws Error where none can be captured now: in a capture, with SCOREGRAD_CUDA_SYNC, or switched off by SCOREGRAD_CUDA_GRAPHS=0.
void begin_graph();
/// Ends the capture in any case. Null if the graph is not to be kept; throws Error if CUDA cannot make one.
CallGraph* end_graph(bool keep);
/// Enqueues it: the same kernels on the same addresses.
void launch_graph(CallGraph* graph);
/// Waits until it no longer runs.
void destroy_graph(CallGraph* graph) noexcept;

/// Whether this thread captures.
bool in_graph();
/// Where a call of the graph leaves what is wrong with its numbers, 0 for nothing. Whoever waits for the GPU after a launch throws Error
/// with what say(that) returns. Throws Error where there are too many such calls.
unsigned long long* verdict(Where at, Say say);
/// Throws Error while this thread captures: what waits for the GPU, or reads the host's memory when it runs, is no part of a graph.
void refuse_in_graph(const char* op);

}  // namespace scoregrad::on_cuda
