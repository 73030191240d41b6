// Does the gradient of denoising score matching equal that of explicit score matching? For the network yes, for what shapes the law no, and
// the difference is -grad C2. This program checks every statement by several routes and exits 0 only if all of them hold.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "autograd/backend/environment.h"
#include "autograd/backend/machine.h"
#include "autograd/files/file.h"
#include "examples/verify/families.h"
#include "examples/verify/output.h"

using namespace scoregrad;

namespace {

/// Writes 1e9 as 1000000000, which the option's own type reads.
std::string whole_number(std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end == 0 && end != text.c_str() && value == std::floor(value) && std::abs(value) < 9e15) text = fmt::format("{:.0f}", value);
  return {};
}

}  // namespace

int main(int count, char** words) {
  verify::Plan plan;
  std::string json, page, dtype = "both", device;
  CLI::App app("Verifies the theorems about the gradients of score-matching losses.", "verify");
  app.add_option("--json", json, "write every number to this file");
  app.add_option("--report", page, "write a page with figures to this .html file");
  app.add_option("--dtype", dtype, "float64, float32 or both")->check(CLI::IsMember({"float64", "float32", "both"}))->capture_default_str();
  app.add_option("--device", device, "where to compute")->check(CLI::IsMember(device_names()));
  app.add_option("--seed", plan.seed, "seed of all random numbers")->check(CLI::NonNegativeNumber)->capture_default_str();
  CLI::Option* samples =
      app.add_option("--samples", plan.samples, "samples of a Monte-Carlo route, such as 100000 or 1e9; memory does not grow with them")
          ->check(CLI::Range(int64_t{4096}, int64_t{1} << 40))
          ->transform(CLI::Validator(whole_number, "NUMBER"));
  app.add_flag("--quick", plan.quick, "fewer samples, steps and images: seconds");
  app.add_option("--only", plan.only, "only checks whose name matches this pattern, such as 'gaussian*'");
  app.add_option("--data", plan.data, "images for the last family: .npy, or IDX with or without .gz")->check(CLI::ExistingFile);
  app.add_option("--data-limit", plan.data_limit, "bytes that a .gz file of images may unpack to")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--list", plan.list, "name the checks and stop");
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (dtype != "both") plan.dtypes = {dtype == "float64" ? DType::float64 : DType::float32};
  if (plan.quick && samples->count() == 0) plan.samples = 1 << 17;
  plan.draws = !page.empty();
  std::signal(SIGINT, [](int) { verify::interrupted = 1; });

  const std::vector<std::string> faults = environment_faults();
  for (const std::string& fault : faults) fmt::print(stderr, "verify: {}\n", fault);
  if (!faults.empty()) return 2;

  verify::Run run(plan);
  const auto start = std::chrono::steady_clock::now();
  try {
    if (!device.empty()) set_default_device(device_named(device));
    // What cannot be written or read is better known before the work than after it.
    for (const std::string& path : {json, page})
      if (!path.empty()) check_writable(path, "output", Where{});
    if (!plan.data.empty()) verify::check_images(plan);
    if (!plan.list) fmt::print("{}\n", verify::machine(plan));
    size_t printed = 0;
    for (const auto family : {verify::gaussian, verify::mixture, verify::encoder, verify::raw_input, verify::unbiased, verify::corollary1,
                              verify::headline, verify::flow, verify::images}) {
      run.check(family);
      printed = verify::print(run, printed);
    }
    if (plan.list) return 0;
    int checks = 0, failed = 0;
    for (const auto& s : run.statements())
      for (const auto& row : s.rows) {
        ++checks;
        failed += run.verdict(row) == verify::Verdict::fail;
      }
    fmt::print("\n{}\n{:.1f} s of CPU time, {:.1f} s on the clock\n", verify::summary(run), verify::cpu_seconds(),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      throw Error({}, fmt::format("the output cannot be written: {}", std::strerror(errno)));
    if (checks == 0) {
      fmt::print(stderr, "verify: no check is called '{}'; see --list\n", plan.only);
      return 2;
    }
    if (!json.empty()) verify::save_json(run, json);
    if (!page.empty()) verify::save_report(run, page, json);
    return failed ? 1 : 0;
  } catch (const verify::Interrupted&) {
    fmt::print(stderr, "\nverify: interrupted; nothing was written\n");
    return 130;
  } catch (const std::exception& e) {
    fmt::print(stderr, "verify: {}\n", e.what());
    return 2;
  }
}
