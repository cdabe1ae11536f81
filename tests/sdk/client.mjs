// The vendors' SDKs, each asked the same things. Started by run.mjs: a message is {base, calls}, an
// answer to each call its outcome, in plain data that two runs can be compared by. `base` maps each
// host to a base URL; without it the SDK uses the address that its vendor built in.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { CohereClientV2 } from 'cohere-ai';
import { Mistral } from '@mistralai/mistralai';
import * as ai from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { z } from 'zod';

const KEY = 'made-up-key';
const TOOLS = ['find_animal', 'get_weather'];
const SCHEMA = { type: 'object', properties: { kind: { type: 'string' } } };
const FUNCTIONS = TOOLS.map((name) => ({
  type: 'function',
  function: { name, parameters: SCHEMA },
}));
const RESULT = 'found';

const sum = (out, text) => {
  out.text += text ?? '';
  if (text) out.saw();
};

// --- One function each: makes the call, and the second one with the tools' results ---------------

async function openaiChat({ base, model, prompt, tools, json, retries, signal }, out) {
  const client = new OpenAI({ apiKey: KEY, maxRetries: retries, baseURL: base && `${base}/v1` });
  const messages = [{ role: 'user', content: prompt }];
  const ask = { model, messages, ...(tools && { tools: FUNCTIONS }) };
  if (json) {
    const whole = await client.chat.completions.create(ask, { signal });
    sum(out, whole.choices[0].message.content);
    Object.assign(out, { finish: whole.choices[0].finish_reason, usage: whole.usage });
    return;
  }
  for (let turn = 0; turn === 0 || (turn === 1 && out.calls.length > 0); ++turn) {
    const calls = [];
    const stream = await client.chat.completions.create(
      { ...ask, stream: true, stream_options: { include_usage: true } },
      { signal },
    );
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      sum(out, choice?.delta.content);
      for (const { index, id, function: f } of choice?.delta.tool_calls ?? []) {
        calls[index] ??= { id, type: 'function', function: { name: f.name, arguments: '' } };
        calls[index].function.arguments += f.arguments;
      }
      out.finish = choice?.finish_reason ?? out.finish;
      out.usage = chunk.usage ?? out.usage;
    }
    out.calls.push(...calls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]));
    messages.push({ role: 'assistant', tool_calls: calls });
    for (const { id } of calls) messages.push({ role: 'tool', tool_call_id: id, content: RESULT });
  }
}

async function openaiResponses({ base, model, prompt, tools, json, retries, signal }, out) {
  const client = new OpenAI({ apiKey: KEY, maxRetries: retries, baseURL: base && `${base}/v1` });
  const input = [{ role: 'user', content: prompt }];
  const ask = { model, input };
  if (tools)
    ask.tools = TOOLS.map((name) => ({
      type: 'function',
      name,
      parameters: SCHEMA,
      strict: false,
    }));
  const whole = (response) =>
    Object.assign(out, { finish: response.status, usage: response.usage });
  if (json) {
    const response = await client.responses.create(ask, { signal });
    sum(out, response.output_text);
    whole(response);
    return;
  }
  for (let turn = 0; turn === 0 || (turn === 1 && out.calls.length > 0); ++turn) {
    for await (const event of await client.responses.create({ ...ask, stream: true }, { signal })) {
      if (event.type === 'response.output_text.delta') sum(out, event.delta);
      if (event.type === 'response.completed') whole(event.response);
      if (event.type === 'error' || event.type === 'response.failed') out.events.push(event);
      if (event.type !== 'response.output_item.done' || event.item.type !== 'function_call')
        continue;
      out.calls.push([event.item.call_id, event.item.name, JSON.parse(event.item.arguments)]);
      input.push(event.item, {
        type: 'function_call_output',
        call_id: event.item.call_id,
        output: RESULT,
      });
    }
  }
}

async function anthropic({ base, model, prompt, tools, json, retries, signal }, out) {
  const client = new Anthropic({ apiKey: KEY, maxRetries: retries, baseURL: base });
  const messages = [{ role: 'user', content: prompt }];
  const ask = { model, messages, max_tokens: 500 };
  if (tools) ask.tools = TOOLS.map((name) => ({ name, input_schema: SCHEMA }));
  for (let turn = 0; turn === 0 || (turn === 1 && out.calls.length > 0); ++turn) {
    let message;
    if (json) {
      message = await client.messages.create(ask, { signal });
      sum(out, message.content.find((part) => part.type === 'text').text);
    } else {
      const stream = client.messages.stream(ask, { signal }).on('text', (text) => sum(out, text));
      message = await stream.finalMessage();
    }
    const calls = message.content.filter((part) => part.type === 'tool_use');
    out.calls.push(...calls.map((c) => [c.id, c.name, c.input]));
    Object.assign(out, { finish: message.stop_reason, usage: message.usage });
    messages.push({ role: 'assistant', content: message.content });
    messages.push({
      role: 'user',
      content: calls.map((c) => ({ type: 'tool_result', tool_use_id: c.id, content: RESULT })),
    });
  }
}

async function gemini({ base, model, prompt, tools, json, retries, signal }, out) {
  const options = {
    ...(base && { baseUrl: base }),
    ...(retries && { retryOptions: { attempts: retries + 1, initialDelay: 0 } }),
  };
  const client = new GoogleGenAI({ apiKey: KEY, httpOptions: options });
  const contents = [{ role: 'user', parts: [{ text: prompt }] }];
  const config = { abortSignal: signal };
  if (tools)
    config.tools = [
      { functionDeclarations: TOOLS.map((name) => ({ name, parametersJsonSchema: SCHEMA })) },
    ];
  const read = (part) => {
    const candidate = part.candidates?.[0];
    for (const piece of candidate?.content?.parts ?? []) sum(out, piece.text);
    out.finish = candidate?.finishReason ?? out.finish;
    out.usage = part.usageMetadata ?? out.usage;
    return part.functionCalls ?? [];
  };
  if (json) {
    read(await client.models.generateContent({ model, contents, config }));
    return;
  }
  for (let turn = 0; turn === 0 || (turn === 1 && out.calls.length > 0); ++turn) {
    const calls = [];
    for await (const part of await client.models.generateContentStream({
      model,
      contents,
      config,
    })) {
      calls.push(...read(part));
    }
    out.calls.push(...calls.map((c) => [c.id ?? null, c.name, c.args]));
    contents.push({ role: 'model', parts: calls.map((functionCall) => ({ functionCall })) });
    contents.push({
      role: 'user',
      parts: calls.map(({ id, name }) => ({
        functionResponse: { ...(id && { id }), name, response: { RESULT } },
      })),
    });
  }
}

async function cohere({ base, model, prompt, tools, json, retries, signal }, out) {
  const client = new CohereClientV2({
    token: KEY,
    ...(base && { environment: base, baseUrl: base }),
  });
  const messages = [{ role: 'user', content: prompt }];
  const ask = { model, messages, ...(tools && { tools: FUNCTIONS }) };
  const options = { maxRetries: retries, abortSignal: signal };
  if (json) {
    const whole = await client.chat(ask, options);
    sum(out, whole.message.content.find((part) => part.type === 'text').text);
    Object.assign(out, { finish: whole.finishReason, usage: whole.usage });
    return;
  }
  for (let turn = 0; turn === 0 || (turn === 1 && out.calls.length > 0); ++turn) {
    const calls = [];
    for await (const event of await client.chatStream(ask, options)) {
      const said = event.delta?.message;
      if (event.type === 'content-delta') sum(out, said.content.text);
      if (event.type === 'tool-call-start') calls[event.index] = said.toolCalls;
      if (event.type === 'tool-call-delta') {
        calls[event.index].function.arguments += said.toolCalls.function.arguments;
      }
      if (event.type !== 'message-end') continue;
      Object.assign(out, { finish: event.delta.finishReason, usage: event.delta.usage });
      if (event.delta.error) out.events.push(event.delta.error);
    }
    out.calls.push(...calls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]));
    messages.push({ role: 'assistant', toolCalls: calls });
    for (const { id } of calls) messages.push({ role: 'tool', toolCallId: id, content: RESULT });
  }
}

async function mistral({ base, model, prompt, tools, json, retries, signal }, out) {
  // It cannot be told how often to try, only for how long.
  const backoff = { initialInterval: 1, maxInterval: 1, exponent: 1, maxElapsedTime: 600_000 };
  const client = new Mistral({
    apiKey: KEY,
    ...(base && { serverURL: base }),
    ...(retries && { retryConfig: { strategy: 'backoff', backoff, retryConnectionErrors: true } }),
  });
  const messages = [{ role: 'user', content: prompt }];
  const ask = { model, messages, ...(tools && { tools: FUNCTIONS }) };
  // It holds a signal by nothing but a Request of its own, which is collected: the abort is lost,
  // with and without a recorder. So this one leaves by ending the loop.
  const options = {};
  if (json) {
    const whole = await client.chat.complete(ask, options);
    sum(out, whole.choices[0].message.content);
    Object.assign(out, { finish: whole.choices[0].finishReason, usage: whole.usage });
    return;
  }
  for (let turn = 0; turn === 0 || (turn === 1 && out.calls.length > 0); ++turn) {
    const calls = [];
    for await (const { data } of await client.chat.stream(ask, options)) {
      const [choice] = data.choices;
      const content = choice?.delta.content;
      for (const part of Array.isArray(content) ? content : [{ text: content }])
        sum(out, part.text);
      if (signal.aborted) return;
      calls.push(...(choice?.delta.toolCalls ?? []));
      out.finish = choice?.finishReason ?? out.finish;
      out.usage = data.usage ?? out.usage;
    }
    out.calls.push(...calls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]));
    messages.push({ role: 'assistant', toolCalls: calls });
    for (const {
      id,
      function: { name },
    } of calls)
      messages.push({ role: 'tool', toolCallId: id, name, content: RESULT });
  }
}

// The AI SDK makes the second call itself.
const vercel =
  (languageModel) =>
  async ({ base, model, prompt, tools, json, retries, signal }, out) => {
    const ask = {
      model: languageModel(base, model),
      prompt,
      maxRetries: retries,
      abortSignal: signal,
      maxOutputTokens: 500,
      stopWhen: (ai.isStepCount ?? ai.stepCountIs)(2),
    };
    if (tools) {
      const inputSchema = z.looseObject({});
      ask.tools = Object.fromEntries(
        TOOLS.map((name) => [name, ai.tool({ inputSchema, execute: () => RESULT })]),
      );
    }
    if (json) {
      const whole = await ai.generateText(ask);
      sum(out, whole.text);
      Object.assign(out, { finish: whole.finishReason, usage: whole.usage });
      return;
    }
    const result = ai.streamText({ ...ask, onError: () => {} });
    for await (const part of result.stream ?? result.fullStream) {
      if (part.type === 'text-delta') sum(out, part.text);
      // It makes ids up where the provider has none.
      if (part.type === 'tool-call') out.calls.push([part.toolName, part.input]);
      if (part.type === 'abort') out.events.push('abort');
      if (part.type === 'finish-step')
        Object.assign(out, { finish: part.finishReason, usage: part.usage });
      if (part.type === 'error') throw part.error;
    }
  };

globalThis.AI_SDK_LOG_WARNINGS = false;
const at = (base, path) => ({ apiKey: KEY, baseURL: base && base + path });
const SDKS = {
  'openai chat': openaiChat,
  'openai responses': openaiResponses,
  anthropic,
  gemini,
  cohere,
  mistral,
  'ai openai': vercel((base, model) => createOpenAI(at(base, '/v1'))(model)),
  'ai openai chat': vercel((base, model) => createOpenAI(at(base, '/v1')).chat(model)),
  'ai anthropic': vercel((base, model) => createAnthropic(at(base, '/v1'))(model)),
  'ai google': vercel((base, model) => createGoogleGenerativeAI(at(base, '/v1beta'))(model)),
};

// --- Outcomes ------------------------------------------------------------------------------------

// What an app can tell an error by. Ports and addresses differ from run to run.
function told(error, depth = 0) {
  if (!error || typeof error !== 'object' || depth > 4) return error && String(error);
  return {
    class: error.constructor?.name,
    name: error.name,
    status: error.status ?? error.statusCode,
    code: error.code,
    message: String(error.message).replace(/(127\.0\.0\.1|localhost):\d+/g, 'ADDRESS'),
    retryable: error.isRetryable,
    cause: told(error.cause, depth + 1),
    last: told(error.lastError, depth + 1),
  };
}

async function outcome(base, { sdk, host, abort, ...call }) {
  const leaving = new AbortController();
  const out = { text: '', calls: [], events: [], finish: null, usage: null };
  let seen = false;
  const saw = () => {
    if (seen) return;
    seen = true;
    if (abort) leaving.abort();
    else process.send({ seen: call.model });
  };
  Object.defineProperty(out, 'saw', { value: saw, enumerable: false });
  try {
    await SDKS[sdk]({ ...call, base: base?.[host], signal: leaving.signal }, out);
    return out;
  } catch (error) {
    return { ...out, error: told(error) };
  }
}

process.on('unhandledRejection', (error) => process.send({ unhandled: told(error) }));
process.once('message', async ({ base, calls }) => {
  const queues = Map.groupBy
    ? Map.groupBy(calls, (c) => c.sdk)
    : calls.reduce((map, c) => map.set(c.sdk, [...(map.get(c.sdk) ?? []), c]), new Map());
  await Promise.all(
    [...queues.values()].map(async (queue) => {
      for (const call of queue)
        process.send({ model: call.model, outcome: await outcome(base, call) });
    }),
  );
  process.send({ done: true }, () => process.exit()); // kept connections would hold the process
});
