#include "autograd/files/file.h"

#include <sys/wait.h>

#include "tests/catch.h"
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
