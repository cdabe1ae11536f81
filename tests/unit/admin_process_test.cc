#include "admin/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using namespace llmrec::admin;

TEST_CASE("process: descriptors, memory and time are those of this process") {
  const ProcessFigures before = read_process();
  REQUIRE(before.open_descriptors);
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  const ProcessFigures after = read_process();
  ::close(fd);
  CHECK(*after.open_descriptors == *before.open_descriptors + 1);
  REQUIRE(after.max_descriptors);
  CHECK(*after.max_descriptors >= *after.open_descriptors);
  REQUIRE(after.resident_octets);
  CHECK(*after.resident_octets > 100'000);
  CHECK(*after.virtual_octets >= *after.resident_octets);
  CHECK(after.cpu_ns >= before.cpu_ns);
}
