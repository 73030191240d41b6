#include "benchmarks/bench_report/rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "autograd/backend/error.h"

namespace bench {

namespace {

using nlohmann::json;
using scoregrad::Error;
using scoregrad::Where;

// Calls f(name, field) for each field; the first three are needed.
void each_field(auto& row, auto f) {
  f("peer", row.peer);
  f("case", row.name);
  f("median_us", row.median_us);
  f("device", row.device);
  f("threads", row.threads);
  f("p10_us", row.p10_us);
  f("p90_us", row.p90_us);
  f("round", row.round);
  f("scale", row.scale);
  f("size", row.size);
  f("unit", row.unit);
  f("maxrss_mb", row.maxrss_mb);
  f("growth_mb", row.growth_mb);
  f("flops", row.flops);
  f("bytes", row.bytes);
  f("functions", row.functions);
  f("normals", row.normals);
  f("foreign_cores", row.foreign_cores);
  f("loaded", row.loaded);
  f("notes", row.notes);
}

template <class T>
void add_new(std::vector<T>& to, const T& value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

}  // namespace

Row read_row(const std::string& line) {
  const Where at = Where::here();
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) throw Error(at, "benchmarks: not a JSON object: " + line);
  for (const char* needed : {"peer", "case", "median_us"})
    if (!object.contains(needed)) throw Error(at, std::string("benchmarks: no \"") + needed + "\" in: " + line);
  Row row;
  each_field(row, [&](const char* name, auto& field) {
    try {
      if (object.contains(name)) object.at(name).get_to(field);
    } catch (const json::exception&) {
      throw Error(at, std::string("benchmarks: \"") + name + "\" is of another type in: " + line);
    }
  });
  return row;
}

std::vector<Row> read_rows(std::istream& in) {
  std::vector<Row> rows;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) rows.push_back(read_row(line));
  return rows;
}

std::string written(const Row& row) {
  nlohmann::ordered_json object;
  each_field(row, [&](const char* name, const auto& field) { object[name] = field; });
  return object.dump();
}

double median(std::vector<double> values) {
  if (values.empty()) throw Error(Where::here(), "benchmarks: the median of no values");
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Measurements::Measurements(const std::vector<Row>& rows) {
  const auto key_of = [](const Row& r) { return std::tie(r.peer, r.name, r.device, r.threads, r.scale); };
  for (const Row& first : rows) {
    if (find(first.peer, first.name, first.threads, first.scale, first.device)) continue;
    std::vector<Row> same;
    for (const Row& r : rows)
      if (key_of(r) == key_of(first)) same.push_back(r);
    Row sum = first;
    sum.loaded = std::all_of(same.begin(), same.end(), [](const Row& r) { return r.loaded; });
    if (!sum.loaded) std::erase_if(same, [](const Row& r) { return r.loaded; });
    const auto middle = [&](double Row::*field) {
      std::vector<double> values;
      for (const Row& r : same) values.push_back(r.*field);
      return median(values);
    };
    const auto largest = [&](double Row::*field) {
      double most = same[0].*field;
      for (const Row& r : same) most = std::max(most, r.*field);
      return most;
    };
    sum.median_us = middle(&Row::median_us), sum.p10_us = middle(&Row::p10_us), sum.p90_us = middle(&Row::p90_us);
    sum.maxrss_mb = largest(&Row::maxrss_mb), sum.growth_mb = largest(&Row::growth_mb), sum.foreign_cores = largest(&Row::foreign_cores);
    sum.round = static_cast<int>(same.size());
    rows_.push_back(sum);
  }
}

const Row* Measurements::find(const std::string& peer, const std::string& name, int threads, double scale,
                              const std::string& device) const {
  for (const Row& r : rows_)
    if (r.peer == peer && r.name == name && r.threads == threads && r.scale == scale && r.device == device) return &r;
  return nullptr;
}

std::vector<std::string> Measurements::peers() const {
  std::vector<std::string> all;
  for (const Row& r : rows_) add_new(all, r.peer);
  return all;
}
std::vector<std::string> Measurements::names(const std::string& peer) const {
  std::vector<std::string> all;
  for (const Row& r : rows_)
    if (r.peer == peer) add_new(all, r.name);
  return all;
}
std::vector<int> Measurements::threads() const {
  std::vector<int> all;
  for (const Row& r : rows_) add_new(all, r.threads);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace bench
