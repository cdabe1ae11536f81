// Chooses what a fake provider plays by the request's x-fake header: "key=value; key=value".
// Without one: a complete text stream if the JSON body says "stream": true, else a JSON answer.
// Pure; any thread.
#pragma once

#include <string>

#include "support/fake_provider.h"
#include "support/script.h"

namespace llmrec::support {

// A header that is not understood is answered with 400 and one line that says why.
Script play_scene(const Request&);

// The keys, one per line, for people.
const char* scene_help();

}  // namespace llmrec::support
