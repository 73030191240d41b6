#include "cuda/graph.h"

#include <memory>

#include "cuda/context.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace scoregrad {

struct CallGraph {
  on_cuda::Held held;
  std::shared_ptr<on_cuda::Verdicts> verdicts = std::make_shared<on_cuda::Verdicts>();
  cudaGraphExec_t executable = nullptr;

  CallGraph() = default;
  CallGraph(const CallGraph&) = delete;
  CallGraph& operator=(const CallGraph&) = delete;
  ~CallGraph() {
    if (!executable) return;
    // The driver's manual lets one that still runs go when it is over, the runtime's says nothing. Graphs go seldom, so this one is waited
    // for.
    const on_cuda::AllowedInCapture allowed;
    cudaStreamSynchronize(on_cuda::common_stream());
    cudaGraphExecDestroy(executable);
  }
};

}  // namespace scoregrad

namespace scoregrad::on_cuda {

namespace {

thread_local std::unique_ptr<CallGraph> current;
thread_local cudaStream_t capturing;  // nothing ever runs on it; not destroyed, since cuBLAS may still be bound to it

}  // namespace

void begin_graph() {
  static const bool off = switched_off("SCOREGRAD_CUDA_GRAPHS");
  if (off) fail({}, "graph", std::string("SCOREGRAD_CUDA_GRAPHS=0 switches graphs off"));
  if (synchronous()) fail({}, "graph", std::string("SCOREGRAD_CUDA_SYNC=1 waits for every call"));
  if (current) fail({}, "graph", std::string("this thread is capturing one already"));
  stream();  // makes the device current
  auto graph = std::make_unique<CallGraph>();
  if (!capturing) check({}, "graph", with_pool_emptied([] { return cudaStreamCreateWithFlags(&capturing, cudaStreamNonBlocking); }));
  Verdicts::prepare();
  // Thread-local: an unsafe call of this thread ends the capture with an error, those of other threads are their own business.
  check({}, "graph", cudaStreamBeginCapture(capturing, cudaStreamCaptureModeThreadLocal));
  current = std::move(graph);
  enqueue_on(capturing);
  hold(&current->held);
}

CallGraph* end_graph(bool keep) {
  if (!current) fail({}, "graph", std::string("this thread is capturing none"));
  std::unique_ptr<CallGraph> graph = std::move(current);
  std::string failure;
  try {
    if (keep) graph->verdicts->fetch();
  } catch (const Error& e) {
    failure = e.what();
  }
  enqueue_on(nullptr);
  hold(nullptr);
  cudaGraph_t captured = nullptr;
  cudaError_t status = cudaStreamEndCapture(capturing, &captured);
  if (keep && status == cudaSuccess)
    status = with_pool_emptied([&] { return cudaGraphInstantiateWithFlags(&graph->executable, captured, 0); });
  if (captured) cudaGraphDestroy(captured);
  if (!failure.empty()) throw Error({}, failure);
  if (keep) check({}, "graph", status);
  cudaGetLastError();  // what ended the capture has been told
  return keep ? graph.release() : nullptr;
}

void launch_graph(CallGraph* graph) {
  const cudaStream_t s = stream();
  after_launch("graph", with_pool_emptied([&] { return cudaGraphLaunch(graph->executable, s); }));
  note_launch(graph->verdicts);
}

void destroy_graph(CallGraph* graph) noexcept { delete graph; }

bool in_graph() { return current != nullptr; }

unsigned long long* verdict(Where at, Say say) {
  unsigned long long* slot = current ? current->verdicts->add(at, std::move(say)) : nullptr;
  if (!slot) fail(at, "graph", std::string("more of its calls check their numbers than this backend has room for"));
  return slot;
}

void refuse_in_graph(const char* op) {
  if (current) fail({}, op, std::string("waits for the GPU or reads the host, which a graph cannot"));
}

}  // namespace scoregrad::on_cuda
