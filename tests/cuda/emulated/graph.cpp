// Capture: a stream that takes down what is enqueued on it, and graphs, which do it again with the arguments of then. What a real driver
// refuses in a capture is refused here, and ends it: waiting for its stream, and, on the thread that captures, what might wait for the
// device (allocating, loading code) unless the thread has asked for leave.
#include <memory>
#include <thread>
#include <vector>

#include "tests/cuda/emulated/device.h"

using namespace emulated;

using Nodes = std::vector<std::function<void()>>;

struct CUstream_st {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
  Nodes nodes;
};
struct CUgraph_st {
  Nodes nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const Nodes> nodes;
};

namespace emulated {

namespace {

std::vector<CUstream_st*> active;  // streams in a capture; the mutex is held
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

void spoil(CUstream_st& s) { s.status = cudaStreamCaptureStatusInvalidated; }

}  // namespace

bool captures(cudaStream_t stream) { return stream && stream->status != cudaStreamCaptureStatusNone; }

void capture(cudaStream_t stream, std::function<void()> work) { stream->nodes.push_back(std::move(work)); }

cudaError_t may_wait(cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  if (!captures(stream)) return cudaSuccess;
  spoil(*stream);
  return result(cudaErrorStreamCaptureUnsupported);
}

cudaError_t may_touch_device() {
  const std::lock_guard lock(mutex());
  cudaError_t status = cudaSuccess;
  for (CUstream_st* s : active) {
    const bool mine = s->thread == std::this_thread::get_id();
    const bool minds = s->mode == cudaStreamCaptureModeGlobal ? thread_mode == cudaStreamCaptureModeGlobal || mine
                                                              : s->mode == cudaStreamCaptureModeThreadLocal && mine;
    if (!minds || thread_mode == cudaStreamCaptureModeRelaxed) continue;
    spoil(*s);
    status = cudaErrorStreamCaptureUnsupported;
  }
  return result(status);
}

}  // namespace emulated

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  finish();
  std::erase(active, stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(mutex());
  if (broken() != cudaSuccess) return result(broken());
  if (!stream || captures(stream)) return result(cudaErrorInvalidValue);
  *stream = {cudaStreamCaptureStatusActive, mode, std::this_thread::get_id(), {}};
  active.push_back(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(mutex());
  *graph = nullptr;
  if (!stream || !captures(stream)) return result(cudaErrorInvalidValue);
  if (stream->mode != cudaStreamCaptureModeRelaxed && stream->thread != std::this_thread::get_id())
    return result(cudaErrorStreamCaptureWrongThread);
  const bool spoiled = stream->status == cudaStreamCaptureStatusInvalidated;
  if (!spoiled) *graph = new CUgraph_st{std::move(stream->nodes)};
  *stream = {};
  std::erase(active, stream);
  return result(spoiled ? cudaErrorStreamCaptureInvalidated : broken());
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(mutex());
  *status = stream ? stream->status : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, thread_mode);
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  if (!take_overhead()) return result(cudaErrorMemoryAllocation);
  *executable = new CUgraphExec_st{std::make_shared<const Nodes>(graph->nodes)};
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = graph->nodes.size();
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  if (broken() != cudaSuccess) return result(broken());
  enqueue(stream, [nodes = executable->nodes] {
    for (const auto& node : *nodes)
      if (broken() == cudaSuccess) node();
  });
  return cudaSuccess;
}

// The driver's manual lets one that is still to run go when it is over. The runtime's does not, so nobody should count on it.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::lock_guard lock(mutex());
  if (executable->nodes.use_count() > 1) break_down(cudaErrorIllegalAddress, "a graph is destroyed before it has run");
  give_overhead();
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

}  // extern "C"
