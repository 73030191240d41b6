// The contract between the engine and a device: whoever fills this struct is a backend. cpu/ and cuda/ do, and see nothing above this
// folder. What a device computes are the calls of calls.h; beside them it gives memory.
#pragma once
#include <type_traits>

#include "autograd/backend/calls.h"
#include "autograd/backend/device.h"
#include "autograd/backend/error.h"

namespace scoregrad {

/// Bytes handed out now, at most so far, and held in the pool for reuse.
struct MemoryUse {
  int64_t live, peak, pooled;
};

/// Calls that a device has taken down to run them again as one; each backend defines its own.
struct CallGraph;

struct Backend;
template <class Call>
struct Entry {
  void (*run)(const Backend& self, Where at, const Call& call) = nullptr;
};
/// One entry for each call. An optional call that a device lacks has none.
template <class List>
struct EntriesOf;
template <class... C>
struct EntriesOf<calls::List<C...>> : Entry<C>... {};
using Entries = EntriesOf<calls::All>;

struct Backend {
  const char* name;

  // memory
  void* (*allocate)(Where at, size_t bytes);  // 64-byte aligned, from a pool; throws Error when out of memory and stays usable
  void (*release)(void* data, size_t bytes) noexcept;
  void (*synchronise)();
  MemoryUse (*memory)();
  void (*reset_peak)();

  // arithmetic
  Entries entries;

  // many calls as one launch; null where a device has none. Between begin and end what this thread calls is taken down and not run; a call
  // that must wait for the device or cannot be taken down throws Error. Memory that the calls take for themselves stays the graph's.
  void (*begin_graph)();                   // throws where nothing can be taken down now
  CallGraph* (*end_graph)(bool keep);      // ends it in any case; null if not to be kept; throws if it cannot be run as one
  void (*launch_graph)(CallGraph* graph);  // the calls once more, on the same addresses and numbers
  void (*destroy_graph)(CallGraph* graph) noexcept;

  // work(context, i, worker) for i in [0, count), shared out among the threads where all of it takes long enough (ns) to repay that;
  // 0 <= worker < threads(). Calls made in it keep to their thread. What it throws is thrown again once all have ended. Null on a device
  // without threads of the host.
  void (*share)(int64_t count, double ns, void (*work)(void* context, int64_t i, int worker), void* context);

  /// Makes a call:  y.backend().call(at, calls::Copy{y.view(), x.view()}).
  template <class Call>
  void call(Where at, const Call& c) const {
    entries.Entry<Call>::run(*this, at, c);
  }
  /// False for an optional call that this device lacks.
  template <class Call>
  bool has() const {
    return entries.Entry<Call>::run != nullptr;
  }
};

template <class Run, class... Required, class... Optional>
constexpr Entries entries_of(Run run, calls::List<Required...>, calls::List<Optional...>) {
  Entries made;
  const auto add = [&](auto& entry, auto can) {
    if constexpr (decltype(can)::value) entry.run = run;
  };
  (add(static_cast<Entry<Required>&>(made), std::true_type()), ...);
  (add(static_cast<Entry<Optional>&>(made), std::is_invocable<Run, const Backend&, Where, const Optional&>()), ...);
  return made;
}
/// The entries of a device whose call c is made by run(self, at, c), a lambda that takes every call but the optional ones it lacks:
///     entries_of([](const Backend&, Where at, const auto& c) -> decltype(run(at, c)) { run(at, c); })
template <class Run>
constexpr Entries entries_of(Run run) {
  return entries_of(run, calls::Required{}, calls::Optional{});
}

/// cpu_backend() and so on, one for each line of devices.def and each defined in its folder; one that is loaded throws Error that says what
/// this machine or build lacks.
#define SG_BACKEND(name, part) const Backend& name##_backend(Where at = Where::here());
#include "autograd/backend/devices.def"

/// The backend of a device; throws Error for a device that this build or machine does not have.
const Backend& backend(Device device, Where at = Where::here());

}  // namespace scoregrad
