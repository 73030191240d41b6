#include "cuda/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

namespace scoregrad::on_cuda {
namespace {

namespace fs = std::filesystem;

constexpr const char* mark = "scoregrad kernel 1";

// FNV-1a of 64 bits; two starts make a name of 128.
uint64_t hash(const std::string& text, uint64_t h) {
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}
constexpr uint64_t first_start = 0xcbf29ce484222325, second_start = 0x9ae16a3b2f90404f;

/// A file that closes itself; not open where `number` is -1.
struct File {
  int number;

  File(const std::string& path, int flags) : number(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (number >= 0) close(number);
  }
};

/// The bytes of a regular file; empty for anything else. Opening a pipe would wait for somebody to write into it.
std::string contents(const std::string& path) {
  const File in(path, O_RDONLY | O_NONBLOCK);
  struct stat about {};
  if (in.number < 0 || fstat(in.number, &about) != 0 || !S_ISREG(about.st_mode)) return {};
  std::string bytes(static_cast<size_t>(about.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = read(in.number, bytes.data() + have, bytes.size() - have);
    if (n <= 0) break;
    have += static_cast<size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

/// Writes a file that was not there; false where that fails.
bool create(const std::string& path, const std::string& bytes) {
  const File out(path, O_WRONLY | O_CREAT | O_EXCL);
  if (out.number < 0) return false;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = write(out.number, bytes.data() + done, bytes.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

std::string header(const std::string& code) { return fmt::format("{} {} {:016x}\n", mark, code.size(), hash(code, first_start)); }

}  // namespace

std::string cache_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return (fs::path(xdg) / "scoregrad").string();
  if (const char* home = std::getenv("HOME"); home && *home) return (fs::path(home) / ".cache" / "scoregrad").string();
  return {};
}

std::string cache_file(const std::string& folder, const std::string& key) {
  return (fs::path(folder) / fmt::format("{:016x}{:016x}.kernel", hash(key, first_start), hash(key, second_start))).string();
}

std::string load_cached(const std::string& folder, const std::string& key) {
  if (folder.empty()) return {};
  const std::string bytes = contents(cache_file(folder, key));
  const size_t line = bytes.find('\n');
  if (line == std::string::npos) return {};
  std::string code = bytes.substr(line + 1);
  return bytes.compare(0, line + 1, header(code)) == 0 ? code : std::string();
}

void store_cached(const std::string& folder, const std::string& key, const std::string& code) {
  if (folder.empty()) return;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return;
  // Written under a name of its own and renamed, which replaces a file at once: readers see the old one or the new.
  static std::atomic<unsigned> count{0};
  const std::string file = cache_file(folder, key), part = fmt::format("{}.{}.{}", file, getpid(), count++);
  if (create(part, header(code) + code)) fs::rename(part, file, failed);
  fs::remove(part, failed);  // what was renamed is no longer there
}

}  // namespace scoregrad::on_cuda
