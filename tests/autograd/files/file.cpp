#include "autograd/files/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/catch.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;
namespace fs = std::filesystem;

TEST_CASE("a file is replaced when it is finished, not before, and not at all if it never is") {
  const ScratchFile target("target", "old");
  {
    OutputFile out(target.path(), "test", {});
    out.write("new and longer", 14);
    CHECK(target.bytes() == "old");
  }
  CHECK(target.bytes() == "old");
  OutputFile out(target.path(), "test", {});
  out.write("new", 3);
  out.finish();
  CHECK(target.bytes() == "new");
}

TEST_CASE("what killed writers have left is removed, what living ones are writing is not, nor what only looks like it") {
  const fs::path folder = fs::temp_directory_path() / ("scoregrad-abandoned-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  const std::string gone = "run." + std::to_string(dead) + "-0.tmp";
  for (const std::string& name : {gone, "run." + std::to_string(getpid()) + "-0.tmp", std::string("run.tmp"), gone + "x",
                                  "other." + std::to_string(dead) + "-0.tmp", std::string("run"), std::string("run.-5-0.tmp")})
    std::ofstream(folder / name) << "x";
  remove_abandoned((folder / "run").string());
  CHECK_FALSE(fs::exists(folder / gone));
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 6);
  remove_abandoned("/nonexistent/run");  // nothing to do
  fs::remove_all(folder);
}

TEST_CASE("links are followed, also to where there is nothing yet, and permissions stay") {
  const fs::path folder = fs::temp_directory_path() / ("scoregrad-links-" + std::to_string(getpid()));
  fs::create_directories(folder / "far");
  const auto write = [](const fs::path& path) {
    OutputFile out(path.string(), "test", {});
    out.write("new", 3);
    out.finish();
  };
  const auto size = [](const fs::path& path) { return fs::file_size(path); };
  std::ofstream(folder / "far" / "file") << "before";
  fs::permissions(folder / "far" / "file", fs::perms(0640));
  fs::create_symlink("far/file", folder / "link");
  fs::create_symlink("far/none", folder / "dangling");
  fs::create_symlink("dangling", folder / "twice");
  write(folder / "link");
  write(folder / "twice");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(fs::is_symlink(folder / "twice"));
  CHECK(fs::is_symlink(folder / "dangling"));
  CHECK(size(folder / "far" / "file") == 3);
  CHECK(size(folder / "far" / "none") == 3);
  CHECK(fs::status(folder / "far" / "file").permissions() == fs::perms(0640));
  fs::create_symlink("loop", folder / "loop");
  CHECK_THROWS_AS(write(folder / "loop"), Error);
  fs::remove_all(folder);
}

TEST_CASE("what is no regular file is written straight, and what cannot be written is known before") {
  const ScratchFile pipe("pipe"), free("free");
  REQUIRE(mkfifo(pipe.path().c_str(), 0600) == 0);
  check_writable(pipe.path(), "test", {});  // which must not wait for a reader
  const int reader = open(pipe.path().c_str(), O_RDONLY | O_NONBLOCK);
  OutputFile out(pipe.path(), "test", {});
  out.write("abc", 3);
  out.finish();
  char got[4] = {};
  CHECK(read(reader, got, 4) == 3);
  CHECK(std::string(got) == "abc");
  close(reader);
  CHECK(fs::is_fifo(pipe.path()));

  check_writable("/dev/null", "test", {});
  OutputFile none("/dev/null", "test", {});
  none.write("abc", 3);
  none.finish();
  CHECK(fs::is_character_file("/dev/null"));
  OutputFile full("/dev/full", "test", {});
  full.write("abc", 3);
  CHECK(contains(message_of([&] { full.finish(); }), "test: '/dev/full' cannot be written: No space left on device"));

  check_writable(free.path(), "test", {});
  CHECK_FALSE(fs::exists(free.path()));
  CHECK(contains(message_of([&] { check_writable("/tmp", "test", {}); }), "'/tmp' cannot be written: Is a directory"));
  CHECK(contains(message_of([&] { OutputFile("/tmp", "test", {}); }), "Is a directory"));
  CHECK(contains(message_of([&] { check_writable("/nonexistent/x", "test", {}); }), "No such file or directory"));
}

TEST_CASE("a file is read within its bounds only") {
  const ScratchFile file("bounds", "0123456789");
  InputFile in(file.path(), "test", {});
  char c[4];
  in.seek(7);
  CHECK(in.left() == 3);
  in.read(c, 2, "two");
  CHECK(std::string(c, 2) == "78");
  CHECK_THROWS_AS(in.read(c, 2, "two more"), Error);
  in.read(c, 1, "the last");
  CHECK_THROWS_AS(in.seek(11), Error);
  CHECK_THROWS_AS(in.seek(-1), Error);
  in.seek(10);
  CHECK(in.left() == 0);
}
