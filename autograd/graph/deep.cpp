#include "autograd/graph/deep.h"

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <exception>

#include "autograd/backend/error.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SG_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define SG_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SG_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define SG_THREAD_SANITIZER 1
#endif
#if SG_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

namespace scoregrad {
namespace {

constexpr size_t least = size_t{1} << 18, page = size_t{1} << 12, size = size_t{1} << 24;

struct Stack {
  const char *low = nullptr, *high = nullptr;
};
// Of this thread: where it runs now.
Stack& present() {
  thread_local Stack stack = [] {
    pthread_attr_t of_thread;
    void* low = nullptr;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &of_thread) == 0) {
      pthread_attr_getstack(&of_thread, &low, &bytes);
      pthread_attr_destroy(&of_thread);
    }
    return Stack{static_cast<const char*>(low), static_cast<const char*>(low) + bytes};
  }();
  return stack;
}

struct Call {
  const std::function<void()>& f;
  Stack from;
  std::exception_ptr failure = {};
  ucontext_t caller = {}, callee = {};
};

// makecontext hands over ints only.
void enter(unsigned high, unsigned low) {
  Call& call = *reinterpret_cast<Call*>(static_cast<uintptr_t>(high) << 32 | low);
#if SG_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  try {
    call.f();
  } catch (...) {
    call.failure = std::current_exception();
  }
#if SG_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(nullptr, call.from.low, static_cast<size_t>(call.from.high - call.from.low));
#endif
}

void on_another(const std::function<void()>& f) {
#if SG_THREAD_SANITIZER
  throw Error({}, "recursion: the stack is used up, and the thread sanitizer knows no other");
#endif
  char* const memory =
      static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0));
  if (memory == MAP_FAILED) throw Error({}, "recursion: out of memory for another stack");
  mprotect(memory, page, PROT_NONE);
  Call call{f, present()};
  present() = {memory + page, memory + size};
  getcontext(&call.callee);
  call.callee.uc_stack.ss_sp = memory + page;
  call.callee.uc_stack.ss_size = size - page;
  call.callee.uc_link = &call.caller;
  const auto address = reinterpret_cast<uintptr_t>(&call);
  makecontext(&call.callee, reinterpret_cast<void (*)()>(enter), 2, static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
#if SG_ADDRESS_SANITIZER
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, memory + page, size - page);
#endif
  swapcontext(&call.caller, &call.callee);
#if SG_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  present() = call.from;
  munmap(memory, size);
  if (call.failure) std::rethrow_exception(call.failure);
}

}  // namespace

void with_stack(const std::function<void()>& f) {
  const char* const here = static_cast<const char*>(__builtin_frame_address(0));
  const Stack& stack = present();
  const bool known = stack.low < here && here < stack.high;  // not so on a stack that the user has made
  if (known && static_cast<size_t>(here - stack.low) < least) return on_another(f);
  f();
}

}  // namespace scoregrad
