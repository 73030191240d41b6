// The cache of compiled kernels on disk.
#include "cuda/cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/catch.h"
#include "tests/cuda/generated/scratch_folder.h"

using namespace scoregrad::on_cuda;
using scoregrad::generated::ScratchFolder;

namespace {

std::string read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const std::string& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

}  // namespace

TEST_CASE("what was stored is found again, under its own key only, whatever bytes it has") {
  const ScratchFolder folder("cache");
  std::string code("\0cubin\n\xff with\r\n zeros\0", 22);
  CHECK(load_cached(folder.path(), "key") == "");
  store_cached(folder.path(), "key", code);
  CHECK(load_cached(folder.path(), "key") == code);
  CHECK(load_cached(folder.path(), "kez") == "");
  store_cached(folder.path(), "key", "other");
  CHECK(load_cached(folder.path(), "key") == "other");
}

TEST_CASE("a damaged entry is no entry, and is replaced by the next") {
  const ScratchFolder folder("damaged");
  const std::string code(1000, 'c'), file = cache_file(folder.path(), "key");
  store_cached(folder.path(), "key", code);
  const std::string good = read(file);
  std::string flipped = good;
  flipped[500] ^= 1;
  for (const std::string& bad : {std::string(), std::string("x"), good.substr(0, good.size() - 1), good + "x", flipped, code}) {
    write(file, bad);
    CHECK(load_cached(folder.path(), "key") == "");
    store_cached(folder.path(), "key", code);
    CHECK(load_cached(folder.path(), "key") == code);
  }
}

TEST_CASE("a pipe, a folder or a device in the place of an entry is no entry, and nobody waits for it") {
  const ScratchFolder folder("pipe");
  std::filesystem::create_directories(folder.path());
  const std::string file = cache_file(folder.path(), "key");
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  alarm(20);  // a reader that waits for a writer waits for ever
  CHECK(load_cached(folder.path(), "key") == "");
  store_cached(folder.path(), "key", "code");
  CHECK(load_cached(folder.path(), "key") == "code");
  alarm(0);
  std::filesystem::remove(file);
  std::filesystem::create_directories(file + "/below");
  CHECK(load_cached(folder.path(), "key") == "");
  store_cached(folder.path(), "key", "code");
  CHECK(load_cached(folder.path(), "key") == "");
  std::filesystem::remove_all(file);
  std::filesystem::create_symlink("/dev/zero", file);
  CHECK(load_cached(folder.path(), "key") == "");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) files += entry.path() != file;
  CHECK(files == 0);
}

TEST_CASE("many writers of one entry leave one whole file") {
  const ScratchFolder folder("writers");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        store_cached(folder.path(), "key", std::string(5000 + 100 * t, static_cast<char>('a' + t)));
        const std::string found = load_cached(folder.path(), "key");
        const bool whole = !found.empty() && found == std::string(5000 + 100 * static_cast<size_t>(found[0] - 'a'), found[0]);
        wrong[t] += !whole;
      }
    });
  for (std::thread& t : threads) t.join();
  for (const int w : wrong) CHECK(w == 0);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) files += entry.exists();
  CHECK(files == 1);
}

TEST_CASE("a folder that cannot be made is no error") {
  const ScratchFolder folder("blocked");
  std::filesystem::create_directories(folder.path());
  const std::string file = folder.path() + "/file";
  write(file, "no folder");
  store_cached(file + "/below", "key", "code");
  CHECK(load_cached(file + "/below", "key") == "");
  store_cached("", "key", "code");
  CHECK(load_cached("", "key") == "");
}

TEST_CASE("the folder is where the desktop's convention wants it") {
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "",
                    xdg = std::getenv("XDG_CACHE_HOME") ? std::getenv("XDG_CACHE_HOME") : "";
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  CHECK(cache_folder() == "/somewhere/scoregrad");
  setenv("XDG_CACHE_HOME", "", 1);
  setenv("HOME", "/me", 1);
  CHECK(cache_folder() == "/me/.cache/scoregrad");
  unsetenv("HOME");
  CHECK(cache_folder() == "");
  if (!home.empty()) setenv("HOME", home.c_str(), 1);
  xdg.empty() ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", xdg.c_str(), 1);
}
