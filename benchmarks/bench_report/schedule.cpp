#include "benchmarks/bench_report/schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "autograd/backend/error.h"
#include "benchmarks/bench_report/process.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

struct Program {
  std::string path;
  bool own;  ///< of this project: knows all options
};

std::vector<Program> found_peers(const Plan& plan) {
  std::vector<Program> all;
  std::vector<std::string> folders = plan.peer_folders;
  if (plan.peers) folders.insert(folders.begin(), plan.programs);
  for (const std::string& folder : folders) {
    std::vector<Program> here;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().filename().string().starts_with("peer_") &&
          (entry.status().permissions() & fs::perms::owner_exec) != fs::perms::none)
        here.push_back({entry.path().string(), folder == plan.programs});
    std::sort(here.begin(), here.end(), [](const Program& a, const Program& b) { return a.path < b.path; });
    all.insert(all.end(), here.begin(), here.end());
  }
  return all;
}

class Runner {
 public:
  Runner(const Plan& plan, const std::function<void(const Row&)>& take) : plan_(plan), take_(take) {}

  int failed() const { return failed_; }

  void time(const Program& program, const std::string& name, int threads, int round, double scale = 1, const std::string& device = "cpu",
            const std::string& without = "", bool compiled_only = false) {
    std::vector<std::string> command{program.path, "--case", name, "--threads", fmt::format("{}", threads)};
    const auto add = [&](const char* option, const std::string& value) { command.insert(command.end(), {option, value}); };
    add("--seconds", fmt::format("{}", scale == 1 ? plan_.seconds : 0.1 * plan_.seconds));
    if (program.own) {
      add("--samples", fmt::format("{}", scale == 1 ? plan_.samples : 2));
      add("--scale", fmt::format("{}", scale));
      add("--device", device);
      if (scale != 1 || compiled_only) add("--mode", "compiled");
    }
    Finished done;
    for (int attempt = 0; attempt < (plan_.patient ? 2 : 1); ++attempt) {
      done = start(command, threads, without);
      for (Row row : rows_of(done, program)) {
        row.round = round, row.foreign_cores = done.foreign_cores, row.loaded = loaded(done, threads);
        if (!without.empty()) row.peer = "without " + without;
        take_(row);
      }
      if (!loaded(done, threads)) break;
    }
  }

  // From the start of a program to its end.
  void start_up(const std::string& peer, const std::vector<std::string>& command, int times) {
    std::vector<double> us;
    Row row{.peer = peer, .name = "smallest_program", .notes = "makes one tensor; from its start to its end"};
    for (int i = 0; i < times; ++i) {
      const Finished done = start(command, 1);
      if (done.status != 0) return;
      us.push_back(1e6 * done.seconds);
      row.maxrss_mb = std::max(row.maxrss_mb, done.maxrss_mb);
    }
    std::sort(us.begin(), us.end());
    row.median_us = median(us), row.p10_us = us[us.size() / 10], row.p90_us = us[us.size() * 9 / 10];
    take_(row);
  }

 private:
  // A team of all CPUs waits for any other program; one thread needs one CPU.
  bool loaded(const Finished& done, int threads) const {
    return done.foreign_cores > std::max(0.06, static_cast<double>(cpu_count() - threads) - 0.5);
  }

  Finished start(const std::vector<std::string>& command, int threads, const std::string& without = "") {
    Finished done = run(command, threads, without);
    if (done.status != 0) {
      ++failed_;
      fmt::print(stderr, "failed with {}: {}\n", done.status, fmt::join(command, " "));
    }
    return done;
  }

  std::vector<Row> rows_of(const Finished& done, const Program& program) const {
    std::istringstream lines(done.output);
    std::vector<Row> rows = read_rows(lines);
    for (Row& row : rows)
      if (!program.own) row.peer += " of " + fs::path(program.path).parent_path().filename().string();
    return rows;
  }

  const Plan& plan_;
  const std::function<void(const Row&)>& take_;
  int failed_ = 0;
};

// The names to ask for: a prefix also runs the longer names that begin with it.
std::vector<std::string> cases_of(const std::string& program, const std::string& only) {
  std::istringstream in(run({program, "--list"}, 1).output);
  std::vector<std::string> names;
  for (std::string name; std::getline(in, name);)
    if (name.starts_with(only) && std::none_of(names.begin(), names.end(), [&](const std::string& n) { return name.starts_with(n); }))
      names.push_back(name);
  if (names.empty()) throw scoregrad::Error(scoregrad::Where::here(), "benchmarks: no case begins with " + only);
  return names;
}

}  // namespace

const std::vector<std::string> passes{"merge", "fuse", "recompute", "absorb", "block", "launch"};

int leave_out(const Plan& plan, const std::vector<std::string>& named, const std::function<void(const Row&)>& take) {
  Runner runner(plan, take);
  const Program mine{plan.programs + "/bench_peers", true};
  const std::vector<std::string> names = cases_of(mine.path, plan.only);
  const int all = cpu_count();
  for (int round = 0; round < plan.rounds; ++round)
    for (const std::string& device : plan.devices)
      for (const int threads : device == "cpu" && all > 1 ? std::vector<int>{1, all} : std::vector<int>{all}) {
        fmt::print(stderr, "round {} of {}, {}, {} thread{}\n", round + 1, plan.rounds, device, threads, threads == 1 ? "" : "s");
        for (const std::string& name : names) {
          runner.time(mine, name, threads, round, 1, device, "", true);
          for (const std::string& pass : named) runner.time(mine, name, threads, round, 1, device, pass, true);
        }
      }
  return runner.failed();
}

int carry_out(const Plan& plan, const std::function<void(const Row&)>& take) {
  Runner runner(plan, take);
  const Program mine{plan.programs + "/bench_peers", true}, limits{plan.programs + "/bench_limits", true};
  const std::vector<Program> peers = found_peers(plan);
  const std::vector<std::string> names = cases_of(mine.path, plan.only);
  const int all = cpu_count();
  const auto each = [&](const std::string& name, int threads, int round, double scale) {
    runner.time(mine, name, threads, round, scale);
    for (const Program& peer : peers)
      if (peer.own || scale == 1) runner.time(peer, name, threads, round, scale);
  };

  const auto has = [&](const char* device) { return std::find(plan.devices.begin(), plan.devices.end(), device) != plan.devices.end(); };
  for (int round = 0; round < plan.rounds; ++round) {
    for (const int threads : all > 1 ? std::vector<int>{1, all} : std::vector<int>{1}) {
      if (!has("cpu")) break;
      fmt::print(stderr, "round {} of {}, {} thread{}\n", round + 1, plan.rounds, threads, threads == 1 ? "" : "s");
      runner.time(limits, "limit_", threads, round);
      for (const std::string& name : names) each(name, threads, round, 1);
    }
    if (!has("cuda")) continue;
    fmt::print(stderr, "round {} of {}, cuda\n", round + 1, plan.rounds);
    for (const std::string& name : names) runner.time(mine, name, all, round, 1, "cuda");
    if (plan.only.empty()) runner.time(mine, "gpu_", all, round, 1, "cuda");
  }
  if (!has("cpu")) return runner.failed();
  runner.start_up("scoregrad", {plan.programs + "/bench_smallest"}, plan.sizes ? 20 : 5);
  for (const Program& peer : peers)
    if (peer.own) runner.start_up(fs::path(peer.path).filename().string().substr(5), {peer.path, "smallest"}, plan.sizes ? 5 : 1);
  if (!plan.sizes) return runner.failed();
  for (int threads = 2; threads < all; threads *= 2) {
    fmt::print(stderr, "{} threads\n", threads);
    for (const std::string& name : names) runner.time(mine, name, threads, 0);
  }
  for (const double scale : {0.1, 0.3, 3.0, 10.0}) {
    fmt::print(stderr, "{} times the size\n", scale);
    for (const std::string& name : names) each(name, 1, 0, scale);
  }
  return runner.failed();
}

}  // namespace bench
