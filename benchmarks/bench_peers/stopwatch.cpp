#include "benchmarks/bench_peers/stopwatch.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
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

double peak_megabytes() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

}  // namespace

void time_case(const Options& options, const std::string& name, const std::function<void()>& f, const std::string& notes) {
  if (name.compare(0, options.only.size(), options.only) != 0) return;
  double probe = probe_us();
  const auto warm = Clock::now();
  long calls = 0;
  do {
    f();
    options.wait();
    ++calls;
  } while (seconds_since(warm) < std::min(0.4, 0.4 * options.seconds) || calls < 3);
  const double once = seconds_since(warm) / static_cast<double>(calls);
  const long batch = std::max(1L, static_cast<long>((options.device == "cpu" ? 20e-6 : 2e-3) / once));
  std::vector<double> us;
  const auto start = Clock::now();
  do {
    const auto sample = Clock::now();
    for (long i = 0; i < batch; ++i) f();
    options.wait();
    us.push_back(seconds_since(sample) * 1e6 / static_cast<double>(batch));
  } while ((seconds_since(start) < options.seconds || us.size() < 5) && us.size() < 200000);
  probe = std::max(probe, probe_us());
  std::sort(us.begin(), us.end());
  const auto quantile = [&](double p) { return us[std::min(us.size() - 1, static_cast<size_t>(p * static_cast<double>(us.size())))]; };
  std::printf(
      "{\"peer\":\"%s\",\"case\":\"%s\",\"device\":\"%s\",\"threads\":%d,\"median_us\":%.4g,\"p10_us\":%.4g,\"p90_us\":%.4g,"
      "\"min_us\":%.4g,\"samples\":%zu,\"probe_us\":%.4g,\"maxrss_mb\":%.0f,\"notes\":\"%s\"}\n",
      options.peer.c_str(), name.c_str(), options.device.c_str(), options.threads, quantile(0.5), quantile(0.1), quantile(0.9), us.front(),
      us.size(), probe, peak_megabytes(), notes.c_str());
  std::fflush(stdout);
}

}  // namespace bench
