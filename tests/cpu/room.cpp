// Programs at the edge of their address space, and children of fork(): each case in a child of its own, which must neither hang, crash nor
// throw anything but an Error.
#include "cpu/room.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "autograd/backend/machine.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "scoregrad/config.h"
#include "tests/catch.h"

using namespace scoregrad;

namespace {

enum Outcome { fine, refused, foreign, wrong };  // or 100 + the signal

template <class F>
int in_child(F&& f) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    int outcome = foreign;
    try {
      outcome = f();
    } catch (const Error&) {
      outcome = refused;
    } catch (...) {
    }
    _exit(outcome);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

int64_t mapped() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  long pages = 0;
  if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}
void limit(int64_t megabytes) {
  const auto bytes = static_cast<rlim_t>(mapped() + (megabytes << 20));
  const rlimit both{bytes, bytes};
  setrlimit(RLIMIT_AS, &both);
}
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_work = false;  // sanitizers map terabytes
#elif defined(__has_feature)
constexpr bool limits_work = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool limits_work = true;
#endif

// What uses each of the libraries; true if the numbers are right.
bool product(DType t) {
  const Tensor a = ones({300, 200}, {t}), b = full({200, 250}, 0.5, {t});
  return max(abs(matmul(a, b) - 100)).item() == 0;
}
bool convolution() {
  const Tensor y = conv2d(ones({2, 8, 40, 40}), ones({16, 8, 3, 3}));
  return max(abs(y - 72)).item() == 0;
}
#if SCOREGRAD_HAVE_LAPACK
bool factor() {
  const Options wide{float64};
  return std::abs(sum(cholesky(4 * eye(200, wide))).item() - 400) < 1e-9;
}
#endif

}  // namespace

TEST_CASE("a child of fork has one thread, and computes what its parent computes") {
  set_threads(2);
  const int team = threads();  // 1 in a build without OpenMP
  const Tensor x = normal({3000000}, Key(1));
  const double want = sum(exp(x)).item();  // by the team
  CHECK(in_child([&] {
          if (threads() != 1) return wrong;
          set_threads(4);
          return threads() == 1 && sum(exp(x)).item() == want && product(float32) && product(float64) && convolution() ? fine : wrong;
        }) == fine);
  CHECK(threads() == team);
  CHECK(sum(exp(x)).item() == want);
}

TEST_CASE("libraries under a limit of the address space compute or refuse") {
  if (!limits_work) return;
  for (int64_t megabytes : {0, 30, 80, 100, 130, 160, 200, 230, 300, 500, 900}) {
    CAPTURE(megabytes);
    const auto under_limit = [&](auto&& f) {
      return in_child([&] {
        limit(megabytes);
        return f() ? fine : wrong;
      });
    };
    const bool ample = megabytes >= 500;
    for (const int outcome : {
           under_limit([] { return product(float64); }), under_limit([] { return product(float32); }), under_limit(convolution)
#if SCOREGRAD_HAVE_LAPACK
                                                                                                           ,
               under_limit(factor)
#endif
         }) {
      CHECK((outcome == fine || (!ample && outcome == refused)));
    }
  }
}

TEST_CASE("after an Error for lack of memory a program goes on") {
  if (!limits_work) return;
  for (int64_t megabytes : {200, 400, 900}) {
    for (int64_t floats : {int64_t{100}, int64_t{5000}, int64_t{300000}, int64_t{4000000}}) {
      CAPTURE(megabytes, floats);
      CHECK(in_child([&] {
              limit(megabytes);
              Tensors kept;
              bool full_up = false;
              try {
                for (int i = 0; i < 100000000; ++i) kept.push_back(zeros({floats}));
              } catch (const Error&) {
                full_up = true;
              }
              if (!full_up) return wrong;
              // Small blocks are never given back to the system, so that a program which is full of them goes on with those that it frees.
              const bool large = floats > 100000;
              if (!large) kept.clear();
              const Tensor p = from({1, 2, 3}).requires_grad();
              const Tensor loss = sum(square(p));
              loss.backward();
              if (loss.item() != 14 || p.grad().to_vector<double>() != std::vector<double>{2, 4, 6}) return wrong;
              kept.clear();
              const int64_t more = large ? 1000000 : 1000;
              return sum(ones({more})).item() == static_cast<double>(more) ? fine : wrong;
            }) == fine);
    }
  }
}

TEST_CASE("a copy on the host that does not fit is an Error") {
  if (!limits_work) return;
  CHECK(in_child([] {
          const Tensor x = zeros({60000000});
          limit(300);
          x.to_vector<double>();
          return fine;
        }) == refused);
}
