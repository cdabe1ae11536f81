// Basic credentials (RFC 7617): the name in those that a client sends us, and those that we send to
// a proxy of ours. Keeps nothing. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace llmrec::relay {

// The user name of `Basic ...`: printable, at most 64 characters, else empty. The password is not
// even decoded. What cannot be read names nobody.
std::string basic_user(std::string_view credentials);

// "Basic dXNlcjpwYXNz".
std::string basic_credentials(std::string_view user_colon_password);

}  // namespace llmrec::relay
