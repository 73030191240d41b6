#include "report/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <memory>

extern char** environ;

namespace scoregrad::report {
namespace {

struct Close {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

}  // namespace

// Input and output are unnamed temporary files: with two pipes, a program that answers before it has read everything would wait for us
// while we wait for it.
std::optional<std::string> output_of(const std::vector<std::string>& command, const std::string& input) {
  const File in(std::tmpfile()), out(std::tmpfile());
  if (!in || !out || std::fwrite(input.data(), 1, input.size(), in.get()) != input.size()) return std::nullopt;
  std::rewind(in.get());  // also flushes

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(in.get()), 0);
  posix_spawn_file_actions_adddup2(&actions, fileno(out.get()), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) return std::nullopt;

  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return std::nullopt;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;

  std::string text;
  std::rewind(out.get());
  char block[4096];
  for (size_t n; (n = std::fread(block, 1, sizeof block, out.get())) > 0;) text.append(block, n);
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace scoregrad::report
