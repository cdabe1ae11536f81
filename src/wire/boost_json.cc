// Boost.JSON is used header-only; this one unit compiles it.
#include <boost/json/src.hpp>
