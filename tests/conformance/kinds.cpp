// The two tables of the program: how a case is recognised, and how close its quantities must come.
#include "tests/conformance/kinds.h"

namespace conformance {

const std::vector<Kind>& kinds() {
  // clang-format off
  static const std::vector<Kind> all = {
      {"op_gradients", "cases", "op", "name op attrs inputs pre ybar xdot", op_gradients},
      {"small_mlp_dsm_step", "cases", "level_index",
       "B d hidden depth sigmas level_index x eps params tangent optimisers.*.hyper score_matching.v_*", mlp_step},
      {"nn_blocks", "cases", "kind", "groups heads eps sigma C eps_noise inputs ybar tangent", nn_blocks},

      {"theorem2_linear_gaussian", "direct_cases", "", "d m alpha sigma inputs", theorem2_direct},
      {"theorem2_linear_gaussian", "phi_cases", "", "d m k J alpha sigma inputs", theorem2_phi},
      {"theorem2_linear_gaussian", "encoder_cases", "", "d m alpha sigma tau inputs", theorem2_linear_encoder},
      {"theorem2_quadrature_mixture", "cases", "mixture_params",
       "d K m alpha sigma hidden mixture_params c net_params points.x generator_checks", theorem2_mixture},
      {"theorem2_encoder_empirical", "cases", "encoder_params",
       "n d m alpha sigma tau hidden x log_p encoder_params net_params points.xt points.c generator_checks", theorem2_encoder},

      {"corollary1_gaussian", "cases", "inputs.mu0", "d alpha sigma inputs", corollary1_gaussian},
      {"corollary1_pushforward", "cases", "psi", "psi sigma model_mixture generator_checks", corollary1_pushforward},
      {"corollary1_mixture_weight", "cases", "pi_model", "sigma a v pi_model pi", corollary1_mixture_weight},
      {"corollary1_sds", "cases", "v_model", "v_model m tau2 sigma", corollary1_sds},

      {"openq", "frozen_gaussian", "", "w a sigma dsm_flow.v0", frozen_gaussian},
      {"openq", "joint_gaussian", "", "sigma v0", joint_gaussian},
      {"openq", "encoder_rate", "", "lambda sigma beta", encoder_rate},
      {"openq", "binary_encoder", "", "sigma tau rows*.phi", binary_encoder},
      {"openq", "dsm_waterfilling", "", "lambda sigma total_snr", waterfilling},
      {"openq", "frozen_mixture_dirac", "", "pi mu v sigma", frozen_mixture},

      {"textbook", "example1", "", "d mu Sigma x", example1},
      {"textbook", "example2", "", "inputs", example2},
      {"textbook", "example3", "", "inputs", example3},
      {"textbook", "practice2_mixture", "", "K d pi mu Sigma x", practice2},
      {"textbook", "practice3_ibp", "", "w b components", practice3},
      {"textbook", "practice4_step_size", "", "eps", practice4},
      {"textbook", "poster_mixture_halfplane_mass", "", "sigma", halfplane_mass},
      {"textbook", "seed_errata", "", "*printed*", errata},

      {"ula_gaussian", "ula", "", "v eps x0_variance", ula_chain},
      {"ula_gaussian", "ula_trajectory", "", "d eps mu Sigma z", ula_trajectory},
      {"ula_gaussian", "mala", "", "eps", mala_chain},
      {"ula_gaussian", "annealed", "", "mean v sigmas eps0 T x0_mean x0_variance levels*.sigma", annealed_chain},
      {"ula_gaussian", "probability_flow_ve", "", "v m sigma_from sigma_to x_from", flow_ve},
      {"ula_gaussian", "probability_flow_vp", "", "v m beta_min beta_max t x_t", flow_vp},
      {"ula_gaussian", "probability_flow_ve_mixture", "", "pi mu v sigma_from sigma_to x_from", flow_ve_mixture},
      {"ula_gaussian", "reverse_sde_ve", "", "v sigmas start_variance", reverse_ve},
      {"ula_gaussian", "diagnostics", "", "chains", diagnostics},
  };
  // clang-format on
  return all;
}

double tolerance(const std::string& quantity) {
  static const std::vector<std::pair<const char*, double>> first_match = {
      {"op_gradients/conv* op_gradients/attention* op_gradients/*/hvp*", 1e-10},
      {"small_mlp_dsm_step/*/optimisers*", 1e-8},
      {"small_mlp_dsm_step/*/hvp* nn_blocks/*", 1e-10},
      {"theorem2_linear_gaussian/*", 1e-10},
      {"theorem2_* corollary1_pushforward/* corollary1_mixture_weight/*", 1e-9},
      {"openq/binary_encoder* openq/frozen_mixture*", 1e-9},
      {"*", 1e-12},
  };
  for (const auto& [globs, allowed] : first_match)
    if (matches(globs, quantity)) return allowed;
  return 0;
}

}  // namespace conformance
