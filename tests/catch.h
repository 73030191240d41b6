// One include for Catch2 2.13 and 3. Write in their common subset: TEST_CASE, SECTION, GENERATE, TEMPLATE_TEST_CASE, REQUIRE_THAT with
// Catch::Matchers::WithinRel and WithinAbs, CHECK_THROWS_AS, INFO, CAPTURE; no Approx, Contains, BENCHMARK or SKIP.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
