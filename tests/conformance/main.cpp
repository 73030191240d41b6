// conformance FILE...: compares the library with reference files and ends with "N passed, N failed, N unsupported".
// Exit status 0 if nothing failed (with --strict: and nothing is unsupported), 1 if something did, 2 for a malformed file.
#include <CLI/CLI.hpp>
#include <cstdio>

#include <fmt/format.h>

#include "autograd/backend/machine.h"
#include "tests/conformance/report.h"

namespace conformance {
namespace {

// A section belongs to a kind by its name or, where several kinds share one, by a field of its cases.
const Kind* kind_of(const std::string& section, const Field& test) {
  for (const Kind& kind : kinds())
    if (section == kind.section && (!*kind.mark || test.has(kind.mark))) return &kind;
  return nullptr;
}

void run_file(const File& file, Report& report) {
  const Field top(file);
  bool any = false;
  for (const std::string& section : top.keys()) {
    const Field tests = top[section];
    if (!tests.json().is_array() && !tests.json().is_object()) continue;  // a remark
    const size_t n = tests.json().is_array() ? tests.size() : 1;
    for (size_t i = 0; i < n; ++i) {
      const Field test = tests.json().is_array() ? tests[i] : tests;
      const Kind* kind = kind_of(section, test);
      if (!kind) test.malformed("a case of no known kind");
      report.run(*kind, test, label_of(test));
      any = true;
    }
  }
  if (!any) top.malformed("no cases");
}

void list_kinds() {
  for (const Kind& kind : kinds()) fmt::print("{:<28} {}[]{}{}\n", kind.name, kind.section, *kind.mark ? " with " : "", kind.mark);
}

int run(const std::vector<std::string>& names, Options options, bool strict) {
  Report report;
  bool malformed = false;
  for (const std::string& name : names) {
    try {
      fmt::print("{}\n", name);
      run_file(read(name, options), report);
    } catch (const Malformed& e) {
      std::fflush(stdout);
      fmt::print(stderr, "conformance: {}\n", e.what());
      malformed = true;
    }
  }
  fmt::print("{} passed, {} failed, {} unsupported\n", report.passed, report.failed, report.unsupported);
  return malformed ? 2 : report.failed || (strict && report.unsupported) ? 1 : 0;
}

}  // namespace
}  // namespace conformance

int main(int argc, char** argv) {
  CLI::App app("Compares the library with reference files.", "conformance");
  std::vector<std::string> files;
  std::string device;
  bool strict = false, list = false;
  app.add_option("FILE", files, "reference files");
  app.add_option("--device", device, "where to compute")->check(CLI::IsMember(scoregrad::device_names()));
  app.add_flag("--strict", strict, "fail on what is unsupported");
  app.add_flag("--list", list, "list the kinds of cases that are understood");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) ? 2 : 0;
  }
  if (list) {
    conformance::list_kinds();
    return 0;
  }
  if (files.empty()) {
    fmt::print(stderr, "conformance: no files; --help tells more\n");
    return 2;
  }
  try {
    // The cases' arrays go where they are told; what is computed around them makes tensors of its own.
    if (!device.empty()) scoregrad::set_default_device(scoregrad::device_named(device));
  } catch (const scoregrad::Error& e) {
    fmt::print(stderr, "conformance: {}\n", e.what());
    return 2;
  }
  return conformance::run(files, {scoregrad::float64}, strict);
}
