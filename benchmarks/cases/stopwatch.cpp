#include "benchmarks/cases/stopwatch.h"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The core's speed just now, by a loop of fixed work: rows of two runs compare only where their probes agree.
double probe_us() {
  double best = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    double lane[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const auto start = Clock::now();
    for (int i = 0; i < 8000; ++i)
      for (double& v : lane) v = v * 0.999 + 0.001;
    volatile double sink = lane[0] + lane[1] + lane[2] + lane[3] + lane[4] + lane[5] + lane[6] + lane[7];
    (void)sink;
    best = std::min(best, seconds_since(start) * 1e6);
  }
  return best;
}

// A line of /proc/self/status in MB; 0 where there is none.
double status_megabytes(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) / 1024;
  return 0;
}

// The kernel's own high-water mark, which reset_peak starts anew; the largest of all is kept here.
double largest_megabytes() {
  static double largest = 0;
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return largest = std::max(largest, static_cast<double>(use.ru_maxrss) / 1024);
}
void reset_peak() {
  largest_megabytes();
  std::ofstream("/proc/self/clear_refs") << 5;
}

}  // namespace

int read_options(Options& o, int argc, char** argv, const std::string& about, const std::function<void()>& list) {
  CLI::App app(about);
  bool list_only = false;
  app.add_option("--case", o.only, "prefix of the cases to run");
  app.add_option("--threads", o.threads, "OpenMP threads")->check(CLI::PositiveNumber);
  app.add_option("--seconds", o.seconds, "budget of one case")->check(CLI::PositiveNumber);
  app.add_option("--samples", o.samples, "at least so many, whatever the budget")->check(CLI::PositiveNumber);
  app.add_option("--scale", o.scale, "times the size of each case")->check(CLI::PositiveNumber);
  app.add_option("--mode", o.mode, "only this: compiled or eager")->check(CLI::IsMember({"compiled", "eager"}));
  app.add_option("--device", o.device, "where to compute: cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}))->capture_default_str();
  app.add_flag("--list", list_only, "print the names of the cases");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  if (list_only) list();
  return list_only ? 0 : -1;
}

bool asked(const Options& options, const std::string& name) { return !options.list && name.starts_with(options.only); }

void time_case(const Options& options, const Timed& timed, const std::function<void()>& f) {
  if (options.list) std::printf("%s\n", timed.name.c_str());
  if (!asked(options, timed.name)) return;
  double probe = probe_us(), once = 0;
  options.settle();
  const double before = status_megabytes("VmRSS");
  const auto warm = Clock::now();
  for (int calls = 0; calls < timed.first || seconds_since(warm) < std::min(0.4, 0.4 * options.seconds); ++calls) {
    const auto call = Clock::now();
    f();
    options.wait();
    once = seconds_since(call);
  }
  options.settle();
  reset_peak();
  const long batch = std::max(1L, static_cast<long>((options.device == "cpu" ? 20e-6 : 2e-3) / once));
  std::vector<double> us;
  const auto start = Clock::now();
  do {
    const auto sample = Clock::now();
    for (long i = 0; i < batch; ++i) f();
    options.wait();
    us.push_back(seconds_since(sample) * 1e6 / static_cast<double>(batch) / timed.runs);
  } while ((seconds_since(start) < options.seconds || us.size() < static_cast<size_t>(options.samples)) && us.size() < 200000);
  const double growth = std::max(0.0, status_megabytes("VmHWM") - before);
  probe = std::max(probe, probe_us());
  std::sort(us.begin(), us.end());
  const auto quantile = [&](double p) { return us[std::min(us.size() - 1, static_cast<size_t>(p * static_cast<double>(us.size())))]; };
  std::printf(
      "{\"peer\":\"%s\",\"case\":\"%s\",\"device\":\"%s\",\"threads\":%d,\"median_us\":%.4g,\"p10_us\":%.4g,\"p90_us\":%.4g,"
      "\"min_us\":%.4g,\"samples\":%zu,\"probe_us\":%.4g,\"maxrss_mb\":%.0f,\"growth_mb\":%.1f,\"unit\":\"%s\",\"size\":%.0f,\"scale\":%g,"
      "\"flops\":%.6g,\"bytes\":%.6g,\"functions\":%.6g,\"normals\":%.6g,\"notes\":\"%s\"}\n",
      options.peer.c_str(), timed.name.c_str(), options.device.c_str(), options.threads, quantile(0.5), quantile(0.1), quantile(0.9),
      us.front(), us.size(), probe, largest_megabytes(), growth, timed.unit.c_str(), timed.size, options.scale, timed.work.flops,
      timed.work.bytes, timed.work.functions, timed.work.normals, timed.notes.c_str());
  std::fflush(stdout);
}

void time_case(const Options& options, const std::string& name, const std::function<void()>& f, const std::string& notes) {
  time_case(options, Timed{.name = name, .notes = notes}, f);
}

}  // namespace bench
