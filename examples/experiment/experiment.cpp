#include "examples/experiment/experiment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>

#include "autograd/backend/environment.h"
#include "autograd/backend/machine.h"
#include "autograd/files/file.h"

namespace scoregrad {
namespace {

volatile std::sig_atomic_t interrupted = 0;

std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char ch : text) out += ch == '"' ? std::string("\"\"") : std::string(1, ch);
  return out + "\"";
}
std::string line(const std::vector<std::string>& cells) {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) out += (i ? "," : "") + cell(cells[i]);
  return out + "\n";
}
std::string csv(const report::Table& t) {
  std::string out = line(t.head);
  for (size_t i = 0; i < t.rows.size(); ++i)
    if (i >= t.kinds.size() || t.kinds[i] != "head") out += line(t.rows[i]);
  return out;
}

size_t columns(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char ch) { return (static_cast<unsigned char>(ch) & 0xC0) != 0x80; }));
}
void print(const report::Table& t) {
  std::vector<size_t> widths;
  const auto widen = [&](const std::vector<std::string>& cells) {
    if (cells.size() > widths.size()) widths.resize(cells.size());
    for (size_t j = 0; j < cells.size(); ++j) widths[j] = std::max(widths[j], columns(cells[j]));
  };
  widen(t.head);
  for (size_t i = 0; i < t.rows.size(); ++i)
    if (i >= t.kinds.size() || t.kinds[i] != "head") widen(t.rows[i]);
  const auto show = [&](const std::vector<std::string>& cells) {
    std::string out = " ";
    for (size_t j = 0; j < cells.size(); ++j)
      out += " " + (j ? std::string(widths[j] - std::min(widths[j], columns(cells[j])), ' ') + cells[j]
                      : cells[j] + std::string(widths[j] - std::min(widths[j], columns(cells[j])), ' '));
    fmt::print("{}\n", out);
  };
  show(t.head);
  for (const auto& row : t.rows) show(row);
}

void write(const std::string& path, const std::string& text) {
  OutputFile out(path, "experiment", Where::here());
  out.write(text.data(), text.size());
  out.finish();
}

}  // namespace

void Experiment::heading(const std::string& text) {
  fmt::print("\n{}\n", text);
  shown_.push_back([text](report::Page& page) { page.heading(text); });
}
void Experiment::text(const std::string& text) {
  shown_.push_back([text](report::Page& page) { page.text(text); });
}
void Experiment::table(const std::string& name, const report::Table& table) {
  print(table);
  std::fflush(stdout);
  files_.emplace_back(name, csv(table));
  shown_.push_back([table](report::Page& page) { page.table(table); });
}
void Experiment::figure(const std::string& name, const report::LineChart& chart) {
  std::string text = line({"line", chart.x_label, chart.y_label});
  for (const report::Line& l : chart.lines)
    for (size_t i = 0; i < l.x.size(); ++i) text += line({l.name, fmt::format("{}", l.x[i]), fmt::format("{}", l.y[i])});
  files_.emplace_back(name, text);
  shown_.push_back([chart](report::Page& page) { page.figure(draw(chart)); });
}
void Experiment::figure(const std::string& name, const report::BarChart& chart) {
  std::string text = line({"bar", "part", chart.y_label});
  for (size_t b = 0; b < chart.bars.size(); ++b)
    for (size_t p = 0; p < chart.parts.size(); ++p)
      text += line({chart.bars[b], chart.parts[p], fmt::format("{}", chart.values.at(p).at(b))});
  files_.emplace_back(name, text);
  shown_.push_back([chart](report::Page& page) { page.figure(draw(chart)); });
}
void Experiment::figure(const std::string& name, const report::Figure& figure) {
  if (!figure.data.head.empty()) files_.emplace_back(name, csv(figure.data));
  shown_.push_back([figure](report::Page& page) { page.figure(figure); });
}

bool Experiment::expect(bool holds, const std::string& what) {
  fmt::print("  {}  {}\n", holds ? "pass" : "FAIL", what);
  std::fflush(stdout);
  outcomes_.push_back({holds, what});
  return holds;
}
bool Experiment::expect_near(const std::string& what, double found, double wanted, double within) {
  return expect(std::abs(found - wanted) <= within, fmt::format("{}: {:.6g}, expected {:.6g} within {:.2g}", what, found, wanted, within));
}
bool Experiment::expect_below(const std::string& what, double found, double bound) {
  return expect(found < bound, fmt::format("{}: {:.6g}, expected below {:.6g}", what, found, bound));
}
bool Experiment::expect_above(const std::string& what, double found, double bound) {
  return expect(found > bound, fmt::format("{}: {:.6g}, expected above {:.6g}", what, found, bound));
}

void Experiment::progress(double done, const std::string& doing) {
  if (interrupted) throw Interrupted();
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r{:3.0f} % {:<60}{}", 100 * done, doing, done < 1 ? "" : "\r\033[K");
}

int Experiment::finish(double seconds) const {
  const auto failed = std::count_if(outcomes_.begin(), outcomes_.end(), [](const Outcome& o) { return !o.holds; });
  const std::string summary = fmt::format("{} outcomes, {} as promised, {} not; {:.1f} s{}, seed {}, {} on {}.", outcomes_.size(),
                                          outcomes_.size() - static_cast<size_t>(failed), failed, seconds, plan_.quick ? " (--quick)" : "",
                                          plan_.seed, name_of(plan_.options.dtype), name_of(plan_.options.device));
  fmt::print("\n{}\n", summary);
  if (!plan_.csv.empty()) {
    std::filesystem::create_directories(plan_.csv);
    for (const auto& [name, text] : files_) write(fmt::format("{}/{}-{}.csv", plan_.csv, plan_.name, name), text);
  }
  if (!plan_.report.empty()) {
    report::Page page(plan_.title);
    page.text(summary);
    report::Table verdicts{.head = {"", "outcome"}, .rows = {}, .kinds = {}};
    for (const Outcome& o : outcomes_) {
      verdicts.kinds.push_back(o.holds ? "pass" : "fail");
      verdicts.rows.push_back({o.holds ? "pass" : "FAIL", o.what});
    }
    page.table(verdicts);
    for (const auto& part : shown_) part(page);
    page.save(plan_.report);
  }
  return failed || outcomes_.empty() ? 1 : 0;
}

int run_experiment(int count, char** words, Experiment::Plan plan, const std::function<void(Experiment&)>& body) {
  std::string dtype = name_of(plan.options.dtype), device = name_of(plan.options.device);
  CLI::App app(plan.title, plan.name);
  app.add_flag("--quick", plan.quick, "smaller sizes: seconds, with the outcomes still asserted");
  app.add_option("--seed", plan.seed, "seed of all random numbers")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--report", plan.report, "write a page with figures to this .html file");
  app.add_option("--csv", plan.csv, "write the tables and curves as .csv files into this folder");
  app.add_option("--dtype", dtype, "float64 or float32")->check(CLI::IsMember({"float64", "float32"}))->capture_default_str();
  app.add_option("--device", device, "where to compute")->check(CLI::IsMember(device_names()))->capture_default_str();
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const std::vector<std::string> faults = environment_faults();
  for (const std::string& fault : faults) fmt::print(stderr, "{}: {}\n", plan.name, fault);
  if (!faults.empty()) return 2;
  plan.options = {dtype == "float64" ? DType::float64 : DType::float32, device_named(device)};
  std::signal(SIGINT, [](int) { interrupted = 1; });
  const auto start = std::chrono::steady_clock::now();
  try {
    // What cannot be written is better known before the work than after it.
    if (!plan.report.empty()) check_writable(plan.report, "experiment", Where{});
    Experiment experiment(plan);
    fmt::print("{}\n", plan.title);
    body(experiment);
    return experiment.finish(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  } catch (const Experiment::Interrupted&) {
    fmt::print(stderr, "\n{}: interrupted; nothing was written\n", plan.name);
    return 130;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", plan.name, e.what());
    return 2;
  }
}

std::string number(double x, int digits) { return fmt::format("{:.{}g}", x, digits); }

std::string with_error(double x, double standard_error) {
  if (!(standard_error > 1e-12 * std::abs(x))) return number(x, 6);
  const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(standard_error))), 0, 12);
  return fmt::format("{:.{}f} ± {:.{}f}", x, decimals, standard_error, decimals);
}

}  // namespace scoregrad
