// Finds and loads the CUDA backend when the device is first asked for. The only file of this folder that is part of the main library.
#include <dlfcn.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <vector>

#include "autograd/backend/caller.h"
#include "cuda/host.h"
#include "scoregrad/config.h"

namespace scoregrad {
namespace {

namespace fs = std::filesystem;

constexpr on_cuda::Host host{SCOREGRAD_VERSION, sizeof(Backend), [] { return caller_line; }, matmul_precision};

/// Where the backend may lie, best first: where the user says; beside the program or library that holds this function, above it and in
/// lib/ beside its folder; where the dynamic linker looks; where it was built.
std::vector<fs::path> candidates() {
  const char* chosen = std::getenv("SCOREGRAD_CUDA_LIBRARY");
  if (chosen && *chosen) return {chosen};
  std::vector<fs::path> found;
#if SCOREGRAD_HAVE_CUDA
  const fs::path name = "libscoregrad_cuda.so";
  Dl_info self;
  std::error_code failed;
  if (dladdr(reinterpret_cast<void*>(&cuda_backend), &self) && self.dli_fname) {
    fs::path file = fs::canonical(self.dli_fname, failed);
    if (failed) file = fs::read_symlink("/proc/self/exe", failed);
    const fs::path folder = file.parent_path();
    for (const fs::path& place : {folder, folder.parent_path(), folder.parent_path() / "lib"})
      if (fs::exists(place / name, failed)) found.push_back(place / name);
  }
  found.push_back(name);
  if (fs::exists(SCOREGRAD_CUDA_BUILT / name, failed)) found.push_back(SCOREGRAD_CUDA_BUILT / name);
#endif
  return found;
}

struct Loaded {
  const Backend* table = nullptr;
  std::string missing;
};

/// The driver is asked for first: it is what is missing on most machines, and the toolkit's libraries are heavy to load.
bool driver_is_there() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver) dlclose(driver);
  return driver;
}

Loaded load() {
  const std::vector<fs::path> paths = candidates();
  if (paths.empty()) return {nullptr, "this library was built without CUDA (configure with SCOREGRAD_CUDA=ON)"};
  if (paths.size() > 1 && !driver_is_there()) return {nullptr, "no NVIDIA driver on this machine (libcuda.so.1 is not there)"};
  for (const fs::path& path : paths) {
    // Never closed again: tensors may outlive any good moment for that.
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library && path != paths.back() && !path.has_parent_path()) continue;
    if (!library)
      return {nullptr,
              fmt::format("its backend cannot be loaded (build the target scoregrad_cuda, or set SCOREGRAD_CUDA_LIBRARY): {}", dlerror())};
    const auto open = reinterpret_cast<on_cuda::Open>(dlsym(library, on_cuda::open_symbol));
    if (!open) return {nullptr, fmt::format("{} is no CUDA backend", path.string())};
    Loaded result;
    result.table = open(&host, &result.missing);
    return result;
  }
  return {};
}

std::atomic<const Backend*> loaded{nullptr};

}  // namespace

const Backend& cuda_backend(Where at) {
  if (const Backend* table = loaded.load(std::memory_order_acquire)) return *table;
  static std::once_flag once;
  static Loaded result;
  std::call_once(once, [] {
    result = load();
    loaded.store(result.table, std::memory_order_release);
  });
  if (!result.table) throw Error(at, "device cuda: " + result.missing);
  return *result.table;
}

}  // namespace scoregrad
