// The dashboard and the frame of the other pages, as they were put into the program by the build:
// no page needs anything from another host. Pure; any thread.
#pragma once

#include <string>

#include "admin/http.h"

namespace llmrec::admin {

Response dashboard();
// `main`: HTML that is already safe; `title`: text.
Response simple_page(int status, const std::string& title, const std::string& main);

}  // namespace llmrec::admin
