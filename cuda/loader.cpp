// Finds and loads the CUDA backend when the device is first asked for. The only file of this folder that is part of the main library.
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "autograd/backend/caller.h"
#include "cuda/host.h"
#include "scoregrad/config.h"

namespace scoregrad {
namespace {

namespace fs = std::filesystem;

constexpr on_cuda::Host host{SCOREGRAD_VERSION, sizeof(Backend), [](Where at) { return find_caller(at); }, matmul_precision};

constexpr const char* library_name = "libscoregrad_cuda.so";

/// The program or library that holds this function, by the kernel's word: argv[0], which the dynamic linker would give, is whatever the
/// caller made it, and a relative one would be looked for in the current folder.
[[maybe_unused]] fs::path own_file() {
  const auto own = reinterpret_cast<uintptr_t>(&cuda_backend);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0, to = 0;
    int path = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &path) == 2 && from <= own && own < to && path > 0 &&
        line.find('/') == static_cast<size_t>(path))
      return line.substr(static_cast<size_t>(path));
  }
  return {};
}

/// Where the backend may lie, best first: where the user says, and then nowhere else; beside the program or library that holds this
/// function; where it was installed; where it was built, for programs of that build.
std::vector<fs::path> candidates() {
  const char* chosen = secure_getenv("SCOREGRAD_CUDA_LIBRARY");
  if (chosen && *chosen) return {chosen};
  std::vector<fs::path> found;
#if SCOREGRAD_HAVE_CUDA
  const fs::path own = own_file(), built = SCOREGRAD_CUDA_BUILT;
  if (!own.empty()) found.push_back(own.parent_path() / library_name);
  found.push_back(fs::path(SCOREGRAD_CUDA_INSTALLED) / library_name);
  if (own.native().rfind(built.native() + "/", 0) == 0) found.push_back(built / library_name);
#endif
  return found;
}

struct Loaded {
  const Backend* table = nullptr;
  std::string missing;
};

/// What forbids loading a library that is there: it runs with all the rights of this program, so nobody may have put it there but root,
/// who runs the program, or who owns it.
std::string forbidden(const fs::path& path) {
  struct stat program {};
  const bool known = stat("/proc/self/exe", &program) == 0;
  for (const fs::path& part : {path, path.parent_path()}) {
    struct stat about {};
    if (stat(part.c_str(), &about) != 0) return std::strerror(errno);
    if (part == path && !S_ISREG(about.st_mode)) return "it is no regular file";
    const bool trusted = about.st_uid == 0 || about.st_uid == geteuid() || (known && about.st_uid == program.st_uid);
    if (!trusted) return fmt::format("'{}' belongs to a stranger, user {}", part.string(), about.st_uid);
    const bool sticky = S_ISDIR(about.st_mode) && (about.st_mode & S_ISVTX);  // as in /tmp, where a file stays its owner's
    if ((about.st_mode & S_IWOTH) && !sticky) return fmt::format("'{}' may be written by everybody", part.string());
  }
  return {};
}

/// The driver is asked for first: it is what is missing on most machines, and the toolkit's libraries are heavy to load.
bool driver_is_there() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver) dlclose(driver);
  return driver;
}

Loaded load() {
  const std::vector<fs::path> paths = candidates();
  if (paths.empty()) return {nullptr, "this library was built without CUDA (configure with SCOREGRAD_CUDA=ON)"};
  const bool chosen = paths.size() == 1;
  if (!chosen && !driver_is_there()) return {nullptr, "no NVIDIA driver on this machine (libcuda.so.1 is not there)"};
  std::string looked;
  for (const fs::path& path : paths) {
    std::error_code failed;
    if (!fs::exists(path, failed)) {
      looked += fmt::format("{}'{}'", looked.empty() ? "" : ", ", path.string());
      continue;
    }
    const fs::path real = fs::canonical(path, failed);  // with a slash in it, so that the dynamic linker does not search
    if (failed) return {nullptr, fmt::format("'{}': {}", path.string(), failed.message())};
    if (const std::string why = chosen ? "" : forbidden(real); !why.empty())
      return {nullptr, fmt::format("'{}' is not loaded: {}", real.string(), why)};
    // Never closed again: tensors may outlive any good moment for that.
    void* library = dlopen(real.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) return {nullptr, fmt::format("its backend cannot be loaded: {}", dlerror())};
    const auto open = reinterpret_cast<on_cuda::Open>(dlsym(library, on_cuda::open_symbol));
    if (!open) return {nullptr, fmt::format("{} is no CUDA backend", real.string())};
    Loaded result;
    result.table = open(&host, &result.missing);
    return result;
  }
  return {nullptr,
          fmt::format("its backend is not there (build the target scoregrad_cuda, or set SCOREGRAD_CUDA_LIBRARY): looked for {}", looked)};
}

}  // namespace

const Backend& cuda_backend(Where at) {
  static const Loaded loaded = load();
  if (!loaded.table) throw Error(at, "device cuda: " + loaded.missing);
  return *loaded.table;
}

}  // namespace scoregrad
