// What is tried: each SDK with each case, and what has to be in the outcome and in the records.
import { coded, golden, upTo, whole, withBlock, withFields, withIds } from './exchange.mjs';
import { Provider } from './provider.mjs';

const TEXT = 'The quagga grazes é🦓.';
const FIRST = 'The ';

const OPENAI = { host: 'api.openai.com', provider: 'openai' };
const CHAT = {
  ...OPENAI,
  dialect: 'openai.chat',
  operation: 'chat.completions',
  text: 'openai-chat/usage',
  tools: 'openai-chat/parallel-tools',
  inTool: 'kind',
  json: 'openai-chat/json',
  rejected: 'openai-chat/json-401',
  limited: 'openai-chat/json-429',
  event: 'openai-chat/error-event',
  // The client asked for usage, which that exchange has not.
  toolAnswer: () =>
    withBlock('openai-chat/parallel-tools', '[DONE]', 'openai-chat/usage', '"choices":[],"usage"'),
};
const RESPONSES = {
  ...OPENAI,
  dialect: 'openai.responses',
  operation: 'responses',
  text: 'openai-responses/text',
  tools: 'openai-responses/two-calls',
  inTool: 'kind',
  json: 'openai-responses/json',
  rejected: 'openai-chat/json-401',
  limited: 'openai-responses/json-429',
  event: 'openai-responses/error-then-failed',
};
const ANTHROPIC = {
  host: 'api.anthropic.com',
  provider: 'anthropic',
  dialect: 'anthropic.messages',
  operation: 'messages',
  text: 'anthropic-messages/text',
  tools: 'anthropic-messages/parallel-tools',
  inTool: 'kind',
  json: 'anthropic-messages/json',
  rejected: 'anthropic-messages/json-401',
  limited: 'anthropic-messages/json-429',
  event: 'anthropic-messages/error-overloaded',
};
const GEMINI = {
  host: 'generativelanguage.googleapis.com',
  provider: 'google',
  dialect: 'gemini.generate',
  operation: 'generate_content',
  text: 'gemini-generate/text',
  tools: 'gemini-generate/parallel-tools',
  json: 'gemini-generate/json',
  rejected: 'gemini-generate/json-400-api-key-invalid',
  rejectedStatus: 400,
  limited: 'gemini-generate/json-429-rate-limit-exceeded',
  event: 'gemini-generate/error-event',
};
const COHERE = {
  host: 'api.cohere.com',
  provider: 'cohere',
  dialect: 'cohere.v2',
  operation: 'chat',
  text: 'cohere-v2/text',
  tools: 'cohere-v2/parallel-tools',
  inTool: 'kind',
  json: 'cohere-v2/json',
  rejected: 'cohere-v2/json-401',
  limited: 'cohere-v2/json-429',
  event: 'cohere-v2/error-at-end',
};
const MISTRAL = {
  ...CHAT,
  host: 'api.mistral.ai',
  provider: 'mistral',
  tools: 'openai-chat/mistral',
  rejected: 'openai-chat/mistral-401',
  limited: 'openai-chat/mistral-429',
  inTool: undefined,
  toolAnswer: undefined,
};

export const SDKS = {
  'openai chat': CHAT,
  'openai responses': RESPONSES,
  anthropic: ANTHROPIC,
  gemini: GEMINI,
  cohere: COHERE,
  mistral: { ...MISTRAL, triesForEver: true },
  'ai openai': RESPONSES,
  'ai openai chat': CHAT,
  'ai anthropic': ANTHROPIC,
  'ai google': GEMINI,
};

// Of a record, what the same exchange says in its golden.
const PICKED = [
  'finish_reason',
  'finish_reasons',
  'finish_class',
  'output_chars_received',
  'content_chunks',
  'reasoning_chars_received',
  'chunks_received',
  'response_id',
  'response_model',
  'usage',
  'usage_available',
  'truncated',
  'done_event_received',
  'http_status',
  'provider_request_id',
];
const like = (name, but = {}) => ({
  ...Object.fromEntries(PICKED.map((key) => [key, golden(name)[key]])),
  ...but,
});
// Those without an id (Gemini) cannot be told apart from others of their name.
const callsOf = (name) =>
  golden(name).tool_calls.map((call) => ({
    ...call,
    id: call.id && /./,
    execution_observed: !!call.id,
  }));

const OK = {
  status: 'ok',
  failure_stage: null,
  error_type: null,
  body_complete: true,
  attempt: 1,
  retry_of: null,
};
const FAILED = { status: 'failed', attempt: 1, retry_of: null };
const REJECTED = { ...FAILED, failure_stage: 'request_rejected' };
const NOW = { 'retry-after': 1, 'retry-after-ms': 1, 'x-should-retry': 'true' };

const isText = (out) => !out.error && out.text === TEXT;
const isError = (out) => !!out.error;
const isCut = (out) => !!out.error && out.text === FIRST && !out.finish;

const cut = (how, upstream_close, error_type) => ({
  answers: (sdk, provider, model) => [
    [...upTo(sdk.text, FIRST), provider.until(`seen ${model}`), how],
  ],
  outcome: isCut,
  records: () => [
    {
      ...FAILED,
      failure_stage: 'after_first_token',
      error_type,
      upstream_close,
      closed_by: 'upstream',
      http_status: 200,
      output_chars_received: FIRST.length,
      content_chunks: 1,
      finish_reason: null,
      body_complete: false,
      retry_safety: 'duplicates_output',
      client_delivery_status: 'full',
      upstream_cancelled: false,
    },
  ],
});

// `answers`: see Provider. `records`: what must be in each, in the order of the requests.
export const CASES = {
  whole: {
    answers: (sdk) => [whole(sdk.text)],
    outcome: isText,
    records: (sdk) => [
      { ...OK, ...like(sdk.text), operation: `${sdk.operation}.stream`, stream: true },
    ],
  },
  'not streamed': {
    call: { json: true },
    answers: (sdk) => [coded(sdk.json)],
    outcome: (out) => !out.error && out.text.startsWith('The quagga'),
    records: (sdk) => [{ ...OK, ...like(sdk.json), operation: sdk.operation, stream: false }],
  },
  tools: {
    call: { tools: true },
    answers: (sdk, provider, model, letter) => [
      withIds(sdk.toolAnswer?.() ?? whole(sdk.tools), letter),
      whole(sdk.text),
    ],
    outcome: (out, sdk) =>
      !out.error &&
      out.text.endsWith(TEXT) &&
      out.calls.length === golden(sdk.tools).tool_calls.length,
    records: (sdk) => [
      {
        ...OK,
        tool_calls: callsOf(sdk.tools),
        finish_class: golden(sdk.tools).finish_class,
        tool_count: 2,
        retry_safety: 'unsafe',
      },
      { ...OK, ...like(sdk.text), tool_calls: [] },
    ],
  },
  rejected: {
    answers: (sdk) => [whole(sdk.rejected)],
    outcome: isError,
    records: (sdk) => [
      {
        ...REJECTED,
        error_type: 'authentication',
        http_status: sdk.rejectedStatus ?? 401,
        retryable: false,
        fault: 'app',
      },
    ],
  },
  'limited, then fine': {
    call: { retries: 1 },
    answers: (sdk) => [withFields(sdk.limited, NOW), whole(sdk.text)],
    outcome: isText,
    records: (sdk) => [
      {
        ...REJECTED,
        error_type: 'rate_limit',
        http_status: 429,
        retryable: true,
        retry_after_ms: 1,
      },
      { ...OK, ...like(sdk.text), attempt: 2, retry_of: 'the one before' },
    ],
  },
  'limited for ever': {
    only: (sdk) => !sdk.triesForEver,
    call: { retries: 1 },
    answers: (sdk) => [withFields(sdk.limited, NOW)],
    outcome: isError,
    records: () => [
      {
        ...REJECTED,
        error_type: 'rate_limit',
        http_status: 429,
        retryable: true,
        retry_after_ms: 1,
      },
      {
        ...REJECTED,
        error_type: 'rate_limit',
        http_status: 429,
        attempt: 2,
        retry_of: 'the one before',
      },
    ],
  },
  'cut, FIN': cut(Provider.fin, 'fin', 'stream_interrupted'),
  'cut, RST': cut(Provider.rst, 'reset', 'upstream_reset'),
  'cut, close_notify': cut(Provider.closeNotify, 'close_notify', 'stream_interrupted'),
  'cut in a call': {
    only: (sdk) => !!sdk.inTool,
    call: { tools: true },
    answers: (sdk) => [[...upTo(sdk.tools, sdk.inTool), Provider.fin]],
    outcome: isError,
    records: () => [
      {
        ...FAILED,
        failure_stage: 'during_tool_call',
        error_type: 'incomplete_tool_arguments',
        tool_name: 'find_animal',
        tool_arguments_completed: false,
        upstream_close: 'fin',
      },
    ],
  },
  'no answer': {
    answers: () => [[Provider.fin]],
    outcome: isError,
    records: () => [
      {
        ...FAILED,
        failure_stage: 'before_first_token',
        error_type: 'stream_interrupted',
        upstream_close: 'fin',
        http_status: null,
      },
    ],
  },
  'error event': {
    answers: (sdk) => [whole(sdk.event)],
    outcome: (out) => !!out.error || out.events.length > 0,
    records: (sdk) => [
      {
        ...FAILED,
        failure_stage: golden(sdk.event).failure_stage,
        error_type: 'stream_error_event',
        error_category: golden(sdk.event).error_category,
        error_event_received: golden(sdk.event).error_event_received,
      },
    ],
  },
  aborted: {
    call: { abort: true },
    answers: (sdk, provider) => [[...upTo(sdk.text, FIRST), provider.hold]],
    outcome: (out) => out.text === FIRST && !out.finish,
    records: () => [
      {
        status: 'aborted',
        failure_stage: 'client_aborted',
        error_type: /^client_(closed|reset)$/,
        closed_by: 'client',
        http_status: 200,
        output_chars_received: FIRST.length,
        attempt: 1,
        retry_of: null,
      },
    ],
  },
};
