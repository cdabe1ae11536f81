// The built-in hosts: who they are, which dialect they speak and which signals they are known to
// send. Constant data; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace llmrec::dialect {

enum class Known : std::uint8_t { unknown, yes, no };

struct Provider {
  std::string_view name;                   // "openai"
  Known sends_done = Known::unknown;       // ends chat streams with `data: [DONE]`
  Known always_usage = Known::unknown;     // sends usage in a stream without being asked
  Known sends_finish = Known::unknown;     // no: Snowflake, which never gives a finish reason
  bool output_excludes_reasoning = false;  // xAI chat: completion_tokens without reasoning_tokens
};

struct ProviderHost {
  std::string_view pattern;  // "api.openai.com", "*.openai.azure.com"
  Provider provider;
};

// The hosts that are recorded unless --no-default-hosts, most specific first.
const std::vector<ProviderHost>& provider_hosts();

// By host name, lower case, without port. An unknown host gets a Provider without a name.
const Provider& provider_by_host(std::string_view host);

// "us-east-1" from "bedrock-runtime.us-east-1.amazonaws.com", "" where the host names none.
std::string region_by_host(std::string_view host);

}  // namespace llmrec::dialect
