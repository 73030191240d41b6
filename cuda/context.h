// What the parts of this backend's runtime share and its kernels need not see.
#pragma once
#include "cuda/host.h"
#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

/// Makes device and stream ready; false with what is missing.
bool open_device(std::string* missing);
/// The program that loaded this backend.
const Host& host();
/// The one stream, also on a thread that captures.
cudaStream_t common_stream();
/// Where what this thread enqueues goes from here on: a stream that captures it, or null for the one stream.
void enqueue_on(cudaStream_t capturing);
/// Whether an environment variable says 0.
bool switched_off(const char* variable);
/// Remembers the line of an allocation: the op that allocates its result there is the next to run on this thread.
void note_line(Where at);

}  // namespace scoregrad::on_cuda
