// What must hold of a list of calls after every pass. Debug builds and the tests ask after each; it finds a broken pass where it breaks.
#pragma once
#include "autograd/compile/call.h"

namespace scoregrad::compiled {

/// What is wrong with a list that passes have made of `recorded`; empty if nothing is: each buffer is written before it is read, places lie
/// inside their buffers, bands and the temporaries that live at the same time do not overlap, what is the same in every step reads nothing
/// that is not, and all that the record writes outside the step is written still.
std::string fault(const Sequence& s, const Sequence& recorded);
/// Throws Error with the fault, if there is one, of what `pass` has made.
void verify(const char* pass, const Sequence& s, const Sequence& recorded);

/// Whether every pass of every step is verified: in debug builds, or where a test says so.
void set_verification(bool on);
bool verification();

}  // namespace scoregrad::compiled
