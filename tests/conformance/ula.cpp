// ula_gaussian: Langevin chains, probability flows and diagnostics, which the library does not have yet.
#include "tests/conformance/kinds.h"

namespace conformance {

void sampling(const Field&, Values&) { throw Unsupported("the library has no chains, flows and diagnostics yet"); }

}  // namespace conformance
