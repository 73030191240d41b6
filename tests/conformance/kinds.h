// One function a kind of case: it reads what is given and adds what the library makes of it.
#pragma once
#include "tests/conformance/report.h"

namespace conformance {

using Compute = void(const Field& test, Values& values);

Compute op_gradients;                                                                                 // ops.cpp
Compute mlp_step;                                                                                     // mlp_step.cpp
Compute theorem2_direct, theorem2_phi, theorem2_linear_encoder;                                       // theorem2_gaussian.cpp
Compute theorem2_mixture;                                                                             // theorem2_mixture.cpp
Compute theorem2_encoder;                                                                             // encoder.cpp
Compute corollary1_gaussian, corollary1_sds, corollary1_pushforward, corollary1_mixture_weight;       // corollary1.cpp
Compute frozen_gaussian, joint_gaussian, encoder_rate, binary_encoder, waterfilling, frozen_mixture;  // open_questions.cpp
Compute example1, example2, example3, practice2, practice3, practice4, halfplane_mass, errata;        // textbook.cpp
Compute ula_chain, ula_trajectory, mala_chain, annealed_chain, flow_ve, flow_vp, flow_ve_mixture, reverse_ve, diagnostics;  // ula.cpp
Compute nn_blocks;                                                                                                          // nn_blocks.cpp

}  // namespace conformance
