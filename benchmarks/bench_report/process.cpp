#include "benchmarks/bench_report/process.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>

#include "autograd/backend/error.h"

namespace bench {
namespace {

double seconds_of(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }
double used_by(const rusage& u) { return seconds_of(u.ru_utime) + seconds_of(u.ru_stime); }

// CPU seconds that all programs have used since the machine started: user, nice, system, irq, softirq and steal of /proc/stat.
double busy_seconds() {
  std::ifstream in("/proc/stat");
  std::string word;
  double v[8] = {};
  in >> word;
  for (double& x : v) in >> x;
  return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / static_cast<double>(sysconf(_SC_CLK_TCK));
}
double own_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return used_by(u);
}

}  // namespace

Finished run(const std::vector<std::string>& command, int threads, const std::string& without) {
  const auto where = scoregrad::Where::here();
  int ends[2];
  if (pipe(ends) != 0) throw scoregrad::Error(where, "benchmarks: no pipe: " + std::string(std::strerror(errno)));
  std::vector<char*> words;
  for (const std::string& w : command) words.push_back(const_cast<char*>(w.c_str()));
  words.push_back(nullptr);
  const std::string count = std::to_string(threads);
  const double busy = busy_seconds(), own = own_seconds();
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) throw scoregrad::Error(where, "benchmarks: cannot start " + command[0] + ": " + std::strerror(errno));
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("OMP_NUM_THREADS", count.c_str(), 1);
    setenv("OPENBLAS_NUM_THREADS", count.c_str(), 1);
    if (without.empty())
      unsetenv("SCOREGRAD_WITHOUT");
    else
      setenv("SCOREGRAD_WITHOUT", without.c_str(), 1);
    execv(words[0], words.data());
    _exit(127);
  }
  close(ends[1]);
  Finished done;
  char part[4096];
  for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) done.output.append(part, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  done.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  done.maxrss_mb = static_cast<double>(used.ru_maxrss) / 1024;
  done.foreign_cores = std::max(0.0, busy_seconds() - busy - used_by(used) - (own_seconds() - own)) / std::max(1e-3, done.seconds);
  if (done.status == 127) throw scoregrad::Error(where, "benchmarks: cannot start " + command[0]);
  return done;
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown CPU";
}

int cpu_count() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace bench
