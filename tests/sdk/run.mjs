// The vendors' SDKs past the recorder and through it: the same outcome, the same requests, and a
// record that says what happened.
//   run.mjs LLMREC DIR    installs into DIR; 77 means: cannot be done here, and says why
import { execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { CASES, SDKS } from './cases.mjs';
import { Provider } from './provider.mjs';

const SKIPPED = 77;
const OLDEST_NODE = 20;
const PATIENCE_MS = 240_000; // of a run through everything; only what hangs needs it
const NPM_PATIENCE_MS = 240_000;
const HERE = path.dirname(new URL(import.meta.url).pathname);
const [llmrec, dir] = process.argv.slice(2).map((p) => path.resolve(p));

const skip = (why) => {
  console.log(`skipped: ${why}`);
  process.exit(SKIPPED);
};

// What may lead an SDK, Node, npm or llmrec elsewhere.
const LEADS_AWAY = [
  /^(LLMREC|NODE_|SSL_CERT|npm_)/i,
  /_proxy$/i,
  /^(OPENAI|ANTHROPIC|GOOGLE|GEMINI|CO|COHERE|MISTRAL)_/,
];

const clean = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !LEADS_AWAY.some((pattern) => pattern.test(key))),
  );

// --- Set-up --------------------------------------------------------------------------------------

// Installed anew only when the versions are others. False: npm cannot.
function install(set) {
  const to = path.join(dir, set);
  const wanted = fs.readFileSync(path.join(HERE, set, 'package.json'));
  const done = path.join(to, 'installed');
  if (!fs.existsSync(done) || !fs.readFileSync(done).equals(wanted)) {
    fs.rmSync(to, { recursive: true, force: true });
    fs.mkdirSync(to, { recursive: true });
    fs.writeFileSync(path.join(to, 'package.json'), wanted);
    const npm = spawnSync(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--no-package-lock',
        '--ignore-scripts',
        '--fetch-retries=1',
        '--fetch-retry-mintimeout=1000',
        '--fetch-retry-maxtimeout=1000',
        '--loglevel=error',
      ],
      { cwd: to, timeout: NPM_PATIENCE_MS, encoding: 'utf8' },
    );
    if (npm.status !== 0) return `npm install: ${npm.error?.message ?? npm.stderr.split('\n')[0]}`;
    fs.writeFileSync(done, wanted);
  }
  for (const file of fs.readdirSync(HERE)) {
    if (file.endsWith('.mjs')) fs.copyFileSync(path.join(HERE, file), path.join(to, file));
  }
  return null;
}

function certificate(to, hosts) {
  const openssl = (...args) =>
    execFileSync('openssl', args, { cwd: to, stdio: ['ignore', 'pipe', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['localhost', ...hosts].map((h) => `DNS:${h}`).join(',');
  try {
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Made up');
    openssl('req', ...key, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=provider');
    fs.writeFileSync(path.join(to, 'leaf.ext'), `subjectAltName=${names}\n`);
    openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      'leaf.ext',
      '-out',
      'leaf.pem',
    );
  } catch (error) {
    skip(`openssl: ${String(error.stderr ?? error.message).split('\n')[0]}`);
  }
  const read = (name) => fs.readFileSync(path.join(to, name));
  return tls.createSecureContext({ key: read('leaf.key'), cert: read('leaf.pem') });
}

async function startRecorder(home, hosts, tlsPort) {
  const file = (name) => path.join(home, name);
  const log = fs.openSync(file('log'), 'w');
  const flags = [
    'serve',
    '--listen',
    '127.0.0.1:0',
    '--store',
    file('store'),
    '--ready-file',
    file('ready'),
    '--ca-bundle-out',
    file('bundle.pem'),
    '--upstream-ca',
    file('ca.pem'),
  ];
  for (const host of hosts) {
    flags.push(
      '--connect-to',
      `${host}:443:127.0.0.1:${tlsPort}`,
      '--reverse',
      `127.0.0.1:0=https://${host}`,
    );
  }
  const child = spawn(llmrec, flags, { env: clean(), stdio: ['ignore', log, log] });
  let over = false;
  const exited = once(child, 'exit').then(([status]) => {
    over = true;
    return status;
  });
  while (!fs.existsSync(file('ready'))) {
    if (over) throw new Error(`llmrec serve did not start:\n${fs.readFileSync(file('log'))}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const ready = fs
    .readFileSync(file('ready'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const reverse = ready
    .filter(([door]) => door === 'reverse')
    .map(([, address]) => `http://${address}`);
  return {
    proxy: `http://${ready.find(([door]) => door === 'listen')[1]}`,
    bases: Object.fromEntries(hosts.map((host, i) => [host, reverse[i]])),
    async records() {
      child.kill('SIGTERM');
      const status = await exited;
      if (status !== 0)
        throw new Error(`llmrec serve ended with ${status}:\n${fs.readFileSync(file('log'))}`);
      return execFileSync(llmrec, ['export', '--unsettled', '--store', file('store')], {
        env: clean(),
        maxBuffer: 1 << 28,
      })
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    },
  };
}

// --- Runs ----------------------------------------------------------------------------------------

// The model names a call: it is in the request, in the record, and tells the provider what to do.
// The names of all runs are equally long, so that their requests are, too.
const PLAN = [];
for (const [s, sdk] of Object.entries(SDKS)) {
  for (const [c, kase] of Object.entries(CASES)) {
    if (kase.only?.(sdk) ?? true)
      PLAN.push({
        id: `t${String(PLAN.length).padStart(4, '0')}`,
        sdkName: s,
        caseName: c,
        sdk,
        kase,
      });
  }
}

function runSdks({ run, set, node, env, base }, provider) {
  const child = fork(path.join(dir, set, 'client.mjs'), {
    execPath: node,
    env: { ...clean(), ...env },
    stdio: 'inherit',
  });
  const outcomes = new Map();
  const unhandled = [];
  const limit = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  child.on('message', (message) => {
    if (message.seen) provider.emit(`seen ${message.seen}`);
    if (message.unhandled) unhandled.push(message.unhandled);
    if (message.outcome) outcomes.set(message.model, message.outcome);
  });
  child.send({
    base,
    calls: PLAN.map(({ id, sdkName, sdk, caseName, kase }) => ({
      sdk: sdkName,
      host: sdk.host,
      model: `${id}-${run}`,
      prompt: `${run}: ${sdkName}, ${caseName}`,
      retries: 0,
      ...kase.call,
    })),
  });
  return once(child, 'exit').then(() => {
    clearTimeout(limit);
    return { outcomes, unhandled };
  });
}

// --- Judgement -----------------------------------------------------------------------------------

function differs(wanted, got) {
  if (wanted instanceof RegExp) return !wanted.test(got);
  if (Array.isArray(wanted) && Array.isArray(got)) {
    return wanted.length !== got.length || wanted.some((one, i) => differs(one, got[i]));
  }
  if (!wanted || !got || typeof wanted !== 'object') return !isDeepStrictEqual(wanted, got);
  return Object.keys({ ...wanted, ...got }).some((key) => differs(wanted[key], got[key]));
}

const written = (wanted) => JSON.stringify(wanted, (_, v) => (v instanceof RegExp ? `${v}` : v));

function judgeRecords(wanted, records, sdk, mode) {
  const wrong = [];
  if (records.length !== wanted.length)
    wrong.push(`${records.length} records, not ${wanted.length}`);
  records.slice(0, wanted.length).forEach((record, i) => {
    const all = {
      provider: sdk.provider,
      host: sdk.host,
      dialect: sdk.dialect,
      mode,
      tap: 'complete',
      api_key_present: true,
      ...wanted[i],
    };
    if (all.retry_of) all.retry_of = records[i - 1]?.request_id;
    for (const [key, value] of Object.entries(all)) {
      if (differs(value, record[key])) {
        wrong.push(
          `record ${i + 1}: ${key} is ${JSON.stringify(record[key])}, not ${written(value)}`,
        );
      }
    }
  });
  return wrong;
}

// Requests as the provider got them, but for what has to be another: Host, our names for the calls,
// and the ids that the AI SDK makes up for calls that have none.
const requestsOf = (provider, model, run) =>
  (provider.requests.get(model) ?? []).map(({ head, body }) =>
    `${head.replace(/^host:.*$/im, 'Host')}\n\n${body}`
      .replaceAll(run, 'RUN')
      .replace(/"id":"[A-Za-z0-9]{16}"/g, '"id":"made up"'),
  );

function judge(step, past, through, provider, records) {
  const { id, sdk, kase } = step;
  const [a, b] = [`${id}-${past.run}`, `${id}-${through.run}`];
  const [outA, outB] = [past.outcomes.get(a), through.outcomes.get(b)];
  if (!outA || !outB) return [`no outcome ${outA ? 'through the recorder' : 'past it'}`];
  const wrong = [];
  if (!kase.outcome(outA, sdk)) wrong.push(`outcome past the recorder: ${JSON.stringify(outA)}`);
  if (!isDeepStrictEqual(outA, outB)) {
    wrong.push(
      `outcome past it    ${JSON.stringify(outA)}`,
      `outcome through it ${JSON.stringify(outB)}`,
    );
  }
  const [askedA, askedB] = [
    requestsOf(provider, a, past.run),
    requestsOf(provider, b, through.run),
  ];
  if (!isDeepStrictEqual(askedA, askedB)) {
    wrong.push(
      `requests past it    ${JSON.stringify(askedA)}`,
      `requests through it ${JSON.stringify(askedB)}`,
    );
  }
  const own = records
    .filter((r) => r.model === b)
    .sort((x, y) => (x.request_id < y.request_id ? -1 : 1));
  wrong.push(...judgeRecords(kase.records(sdk), own, sdk, through.mode));
  return wrong;
}

const shown = (out) => {
  if (!out) return 'nothing';
  if (!out.error)
    return out.events.length > 0
      ? 'told'
      : out.calls.length > 0
        ? `${out.calls.length} calls`
        : 'text';
  return [out.error.class, out.error.status].filter(Boolean).join(' ');
};

// --- All of it -----------------------------------------------------------------------------------

// One for each SDK and each pair of runs, of which only one goes through the recorder.
function letterOf(model) {
  const sdk = Object.keys(SDKS).indexOf(PLAN.find((step) => model.startsWith(step.id)).sdkName);
  return String.fromCharCode((model.endsWith('20') ? 65 : 97) + sdk);
}

async function main() {
  if (parseInt(process.versions.node) < OLDEST_NODE) skip(`this is Node ${process.versions.node}`);
  const problem = install('node-20');
  if (problem) skip(problem);
  const hosts = [...new Set(Object.values(SDKS).map((sdk) => sdk.host))];
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'llmrec-sdk-'));
  process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }));
  const secure = certificate(home, hosts);

  const steps = new Map(PLAN.map((step) => [step.id, step]));
  const provider = new Provider((model) => {
    const { sdk, kase } = steps.get(model.slice(0, 5));
    return kase.answers(sdk, provider, model, letterOf(model));
  });
  const ports = await provider.listen(secure);
  const recorder = await startRecorder(home, hosts, ports.tls);
  const same = (url) => Object.fromEntries(hosts.map((host) => [host, url]));

  const old = { set: 'node-20', node: process.execPath };
  const pairs = [
    [
      { ...old, run: 'past-20', base: same(`http://127.0.0.1:${ports.clear}`) },
      {
        ...old,
        run: 'thru-20',
        base: recorder.bases,
        mode: 'reverse',
        title: `base URL, Node ${process.versions.node}`,
      },
    ],
  ];
  const arch = `node-${process.platform}-${process.arch}`;
  const no = install('newest');
  const node = path.join(dir, 'newest', 'node_modules', arch, 'bin', 'node');
  if (no || !fs.existsSync(node)) {
    console.log(`proxy: not tried: ${no ?? `there is no package ${arch}`}`);
  } else {
    const version = execFileSync(node, ['--version']).toString().trim().slice(1);
    const own = { set: 'newest', node };
    pairs.push([
      {
        ...own,
        run: 'past-26',
        base: same(`https://localhost:${ports.tls}`),
        env: { NODE_EXTRA_CA_CERTS: path.join(home, 'ca.pem') },
      },
      {
        ...own,
        run: 'thru-26',
        mode: 'connect',
        title: `proxy, Node ${version}`,
        env: {
          HTTPS_PROXY: recorder.proxy,
          NODE_USE_ENV_PROXY: '1',
          NODE_EXTRA_CA_CERTS: path.join(home, 'bundle.pem'),
        },
      },
    ]);
  }
  for (const pair of pairs) {
    for (const one of pair) Object.assign(one, await runSdks(one, provider));
  }
  const records = await recorder.records();
  provider.close();

  let failed = 0;
  for (const [past, through] of pairs) {
    console.log(`\n${through.title}`);
    if (!isDeepStrictEqual(past.unhandled, through.unhandled)) {
      failed += 1;
      console.log(
        `  unhandled past it    ${JSON.stringify(past.unhandled)}\n` +
          `  unhandled through it ${JSON.stringify(through.unhandled)}`,
      );
    }
    for (const step of PLAN) {
      const wrong = judge(step, past, through, provider, records);
      const out = past.outcomes.get(`${step.id}-${past.run}`);
      const tried = step.sdkName.padEnd(17) + step.caseName.padEnd(20) + shown(out);
      console.log(`  ${wrong.length > 0 ? 'FAIL' : 'ok  '} ${tried}`);
      for (const line of wrong) console.log(`         ${line}`);
      failed += wrong.length > 0;
    }
  }
  console.log(`\n${pairs.length * PLAN.length} tried, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

await main();
