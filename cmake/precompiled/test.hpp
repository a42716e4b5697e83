// The same for tests.
#pragma once

#include "library.hpp"

#include <gtest/gtest.h>
