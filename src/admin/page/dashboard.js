'use strict';
// Draws /stats.json. Every text of a stranger's becomes a text node, never markup.
(() => {
  const RANGES = { '1h': '1 h', '24h': '24 h', '7d': '7 d' };
  const IN_WORDS = { '1h': 'the last hour', '24h': 'the last 24 hours', '7d': 'the last 7 days' };
  const EVERY_MS = 10000;
  const SVG = 'http://www.w3.org/2000/svg';
  const by = (id) => document.getElementById(id);
  let shown = 0;       // when the figures were read
  let failing = false; // the last attempt
  let moreIsOpen = false;

  // An element with attributes and children; texts and numbers become text nodes.
  function put(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
    return node;
  }
  const el = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) =>
    put(document.createElementNS(SVG, tag), attributes, children);

  // Numbers as people read them; they are those of `llmrec stats`.
  const count = (n) => Number(n).toLocaleString('en-US');
  const many = (n, one, more) => `${count(n)} ${n === 1 ? one : more || one + 's'}`;
  const share = (x) => (x === null || x === undefined ? '\u2013' : `${(x * 100).toFixed(1)}\u2009%`);
  function time(ms) {
    if (ms === null || ms === undefined) return '\u2013';
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
    return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
  }
  function money(usd, inTable) {
    if (usd === 0) return '$0';
    if (usd >= 1) return `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
    return `$${usd.toFixed(usd >= (inTable ? 0.0001 : 0.01) ? 4 : 6)}`;
  }
  function octets(n) {
    const units = ['bytes', 'KiB', 'MiB', 'GiB'];
    let i = 0;
    while (n >= 1024 && i < 3) { n /= 1024; i += 1; }
    return `${i === 0 ? n : n.toFixed(n < 10 ? 1 : 0)} ${units[i]}`;
  }
  function ago(ms) {
    if (ms < 60000) return `${Math.max(0, Math.round(ms / 1000))} s ago`;
    if (ms < 3600000) return `${Math.round(ms / 60000)} min ago`;
    if (ms < 86400000) return `${Math.round(ms / 3600000)} h ago`;
    return `${Math.round(ms / 86400000)} d ago`;
  }
  const words = (name) => name.replace(/_/g, ' ');
  const clock = (at, long) => new Date(at).toLocaleString([], long
    ? { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }
    : { hour: '2-digit', minute: '2-digit' });

  // One bar; `parts`: [class, share of the whole].
  function bar(parts) {
    let x = 0;
    const svg = draw('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    for (const [name, part] of parts) {
      const width = part > 0 ? Math.max(part * 100, 0.6) : 0;
      if (width > 0) svg.append(draw('rect', { x, y: 0, width, height: 10, class: name }));
      x += part * 100;
    }
    return svg;
  }

  const section = (title, note, ...body) =>
    el('section', {}, el('h2', {}, title), note ? el('p', { class: 'note' }, note) : null, ...body);
  const two = (...sections) => el('div', { class: 'two' }, ...sections);
  const figure = (name, text) => el('span', { 'data-figure': name }, text);

  function headline(s) {
    const failed = s.failed;
    const after = s.failures.after_first_token;
    const lead = [];
    let title;
    if (s.calls === 0) {
      title = [figure('running', count(s.running)), s.running === 1 ? ' call runs, none has ended yet.' : ' calls run, none has ended yet.'];
    } else if (failed === 0) {
      title = [s.calls === 1 ? 'The one call did not fail.' : ['None of ', figure('calls', count(s.calls)), ' calls failed.']];
    } else {
      title = [figure('failed', count(failed)), ' of ', figure('calls', count(s.calls)), s.calls === 1 ? ' call failed, ' : ' calls failed, ',
        el('span', { class: 'bad' }, figure('failure_rate', share(s.failure_rate))), '.'];
      if (after === failed) lead.push(failed === 1 ? 'It failed' : 'All of them failed', ' after the first token, when the user had part of an answer. ');
      else if (after === 0) lead.push(failed === 1 ? 'It failed' : 'All of them failed', ' before the first token. ');
      else lead.push(`${count(after)} of the failures came after the first token, when the user had part of an answer. `);
    }
    if (s.aborted > 0) lead.push(`${many(s.aborted, 'client')} left before the end. `);
    if (s.calls > 0 && s.running > 0) lead.push(`${many(s.running, 'call')} still ${s.running === 1 ? 'runs' : 'run'}. `);
    const r = s.recorder;
    return el('div', { class: 'head' }, el('h1', {}, title),
      lead.length ? el('p', { class: 'lead' }, lead) : null,
      s.complete ? null : el('p', { class: 'notice' }, 'There are more records than this page looks at: the oldest are left out.'),
      r.records_dropped + r.store_commit_failures > 0
        ? el('p', { class: 'notice' }, `${many(r.records_dropped, 'record')} could not be stored since llmrec started: the figures are too small. The log and `, el('code', {}, 'llmrec db stat'), ' say why.') : null,
      s.unreadable > 0 ? el('p', { class: 'notice' }, `${many(s.unreadable, 'record')} could not be read: `, el('code', {}, 'llmrec db verify'), '.') : null);
  }

  function tile(name, label, text, small, mood) {
    return el('dl', { class: 'tile' }, el('dt', {}, label),
      el('dd', { class: `big ${mood || ''}`, 'data-figure': name }, text),
      ...small.filter(Boolean).map((line) => el('dd', { class: 'small' }, line)));
  }

  function tiles(s) {
    const t = s.time_to_first_token_ms;
    const c = s.cost_usd;
    return el('div', { class: 'tiles' },
      tile('interrupted', 'Cut in mid-answer', count(s.interrupted), [share(s.interruption_rate) + ' of all calls'], s.interrupted ? 'bad' : ''),
      tile('aborted', 'Client left', count(s.aborted), [share(s.client_abort_rate) + ' of all calls'], s.aborted ? 'warn' : ''),
      tile('ttft_p50', 'First token, median', time(t.p50), [el('span', {}, 'p95 ', figure('ttft_p95', time(t.p95)), ', p99 ', figure('ttft_p99', time(t.p99)))]),
      tile('usage_missing', 'Without usage', count(s.usage_missing), [`${share(s.missing_usage_rate)} of ${many(s.answered, 'answer')}`], s.usage_missing ? 'warn' : ''),
      tile('retries_ok', 'Retries that worked', s.retries.calls ? share(s.retries.success_rate) : '\u2013', [s.retries.calls ? `${count(s.retries.ok)} of ${count(s.retries.calls)}` : 'nothing was tried again']),
      tile('cost', 'Cost', money(c.total), [c.wasted > 0 ? `${money(c.wasted)} of it for nothing` : null, c.unknown_calls ? `not known for ${many(c.unknown_calls, 'answer')}` : null]));
  }

  // Columns of at least the width of the server's periods, and as many as can be told apart.
  function overTime(s, range) {
    const from = Date.parse(s.since);
    const until = Date.parse(s.generated_at);
    const { period_ms: period, periods } = s.over_time;
    if (!periods.length || !(period > 0)) return null;
    const width = period * Math.max(1, Math.ceil((until - from) / 72 / period));
    const columns = new Map();
    for (const p of periods) {
      const at = Date.parse(p.started_at);
      const key = Math.floor(at / width) * width;
      const c = columns.get(key) || { calls: 0, failed: 0, aborted: 0 };
      c.calls += p.calls; c.failed += p.failed; c.aborted += p.aborted;
      columns.set(key, c);
    }
    const most = Math.max(1, ...[...columns.values()].map((c) => c.calls));
    const scale = 1000 / (until - from);
    const svg = draw('svg', { viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${count(s.calls)} calls over time, ${count(s.failed)} of them failed` });
    for (const y of [0, 50, 100]) svg.append(draw('line', { x1: 0, x2: 1000, y1: y, y2: y, class: 'base' }));
    for (const [at, c] of columns) {
      const x = Math.max(0, (at - from) * scale);
      const end = Math.min(1000, (at + width - from) * scale);
      const group = draw('g', {}, draw('title', {}, `${clock(at, true)}: ${many(c.calls, 'call')}, ${c.failed} failed, ${c.aborted} left`));
      let y = 100;
      for (const [name, n] of [['failed', c.failed], ['aborted', c.aborted], ['ok', c.calls - c.failed - c.aborted]]) {
        const height = (n / most) * 100;
        y -= height;
        if (n > 0) group.append(draw('rect', { x, y, width: Math.max(1.5, (end - x) * 0.82), height, class: name }));
      }
      svg.append(group);
    }
    const middle = (from + until) / 2;
    const long = range === '7d' || range === '24h';
    const each = width < 60000 ? `${Math.round(width / 1000)} s` : width < 3600000 ? `${Math.round(width / 60000)} min` : `${(width / 3600000).toFixed(1).replace('.0', '')} h`;
    return section('Over time', `One column is ${each}; the highest has ${many(most, 'call')}.`,
      el('p', { class: 'legend' }, el('span', {}, el('i', {}), 'ok'), el('span', {}, el('i', { class: 'failed' }), 'failed'), el('span', {}, el('i', { class: 'aborted' }), 'client left')),
      el('div', { class: 'chart' }, svg),
      el('div', { class: 'axis' }, el('span', {}, clock(from, long)), el('span', {}, clock(middle, long)), el('span', {}, 'now')));
  }

  const STAGES = ['before_request', 'request_rejected', 'before_first_token', 'after_first_token', 'during_tool_call', 'after_finish_reason', 'client_aborted', 'unknown'];

  function rows(list, total, mood) {
    const most = Math.max(1, ...list.map(([, n]) => n));
    return el('table', { class: 'bars' }, el('tbody', {}, ...list.map(([name, n, title]) =>
      el('tr', {}, el('th', { scope: 'row' }, title || words(name)), el('td', {}, bar([[mood(name), n / most]])),
        el('td', { class: 'n', 'data-figure': name }, count(n)), el('td', { class: 'of' }, share(total ? n / total : null))))));
  }

  function stages(s) {
    const f = s.failures;
    const total = f.before_first_token + f.after_first_token;
    const list = STAGES.filter((x) => s.failure_stages[x]).map((x) => [x, s.failure_stages[x]]);
    if (!list.length) return section('Where calls failed', 'None did.');
    const split = total === 0 ? null : el('div', { class: 'split' },
      el('p', {}, el('span', {}, figure('before_first_token_total', count(f.before_first_token)), ' before the first token'),
        el('span', {}, figure('after_first_token_total', count(f.after_first_token)), ' after it')),
      bar([['early', f.before_first_token / total], ['failed', f.after_first_token / total]]));
    const mood = (x) => (x === 'client_aborted' ? 'aborted' : x === 'unknown' ? 'ok' : STAGES.indexOf(x) < 3 ? 'early' : 'failed');
    return section('Where calls failed', 'In the order of a call; shares are of all calls.', split, rows(list, s.calls, mood));
  }

  function errors(s) {
    const all = Object.entries(s.error_types).sort((a, b) => b[1] - a[1]);
    if (!all.length) return section('Why', 'Nothing went wrong.');
    const rest = all.slice(12).reduce((sum, [, n]) => sum + n, 0);
    const list = all.slice(0, 12);
    if (rest > 0) list.push(['other', rest, `${all.length - 12} more`]);
    return section('Why', 'error_type, as in the records.',
      rows(list, s.calls, (x) => (x.startsWith('client_') ? 'aborted' : 'failed')));
  }

  function firstToken(s) {
    const groups = s.by.provider.groups.filter((g) => g.time_to_first_token_ms.p50 !== null).slice(0, 8);
    if (!groups.length) return section('Time to first token', 'No stream has come so far.');
    const all = groups.flatMap((g) => [g.time_to_first_token_ms.p50, g.time_to_first_token_ms.p99]);
    const low = Math.min(...all) / 1.3;
    const high = Math.max(...all) * 1.15;
    const x = (ms) => (Math.log(Math.max(ms, low) / low) / Math.log(high / low)) * 100;
    const list = groups.map((g) => {
      const t = g.time_to_first_token_ms;
      const tick = (ms, name) => draw('line', { x1: x(ms), x2: x(ms), y1: 0, y2: 10, class: `tick ${name}` });
      const svg = draw('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        draw('line', { x1: x(t.p50), x2: x(t.p99), y1: 5, y2: 5, class: 'range' }), tick(t.p99, 'far'), tick(t.p95, 'mid'), tick(t.p50, ''));
      return el('tr', {}, el('th', { scope: 'row' }, g.name === null ? '(none)' : g.name), el('td', {}, svg),
        el('td', { class: 'n' }, time(t.p50)), el('td', { class: 'n wide' }, time(t.p95)), el('td', { class: 'n' }, time(t.p99)));
    });
    return section('Time to first token', 'By provider; the scale is logarithmic.',
      el('p', { class: 'legend' }, el('span', {}, el('i', { class: 'ink' }), 'p50'), el('span', {}, el('i', { class: 'aborted' }), 'p95'), el('span', {}, el('i', { class: 'failed' }), 'p99')),
      el('table', { class: 'bars' }, el('tbody', {}, ...list)));
  }

  function chunks(s) {
    const c = s.chunks_before_interruption;
    if (!c.calls) return section('Chunks before an interruption', 'No answer was cut.');
    const most = Math.max(1, ...c.classes.map((k) => k.calls));
    const short = (n) => (n >= 1024 ? `${n / 1024}k` : `${n}`);
    let last = c.classes.length - 1;
    while (last > 7 && c.classes[last].calls === 0) last -= 1;
    return section('Chunks before an interruption', `Half of ${many(c.calls, 'cut answer')} had got at most ${many(c.p50, 'chunk')}.`,
      el('div', { class: 'columns' }, ...c.classes.slice(0, last + 1).map((k) => {
        const height = (k.calls / most) * 100;
        return el('div', { title: `${k.from}${k.to === null ? ' and more' : k.to > k.from ? ' to ' + k.to : ''}: ${many(k.calls, 'call')}` },
          el('b', {}, k.calls ? count(k.calls) : ''),
          draw('svg', { viewBox: '0 0 10 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
            draw('rect', { x: 0.8, width: 8.4, y: 100 - height, height, class: 'failed' })),
          el('span', {}, short(k.from) + (k.to === null ? '+' : '')));
      })));
  }

  function breakdown(title, note, list) {
    const groups = list.groups.slice(0, 12);
    if (!groups.length) return null;
    const most = Math.max(0.05, ...groups.map((g) => g.failure_rate || 0));
    const lines = groups.map((g) => [g.name === null ? '(none)' : g.name, g]);
    if (list.groups.length > 12 || list.other) lines.push(['', null]);
    const head = [['', ''], ['calls', ''], ['failed', ''], ['cut', ''], ['left', 'wide'], ['p50', 'wide'], ['p95', ''], ['p99', 'wide'], ['no usage', 'wide'], ['cost', 'wide'], ['for nothing', 'wide']];
    return section(title, note, el('table', { class: 'table' },
      el('thead', {}, el('tr', {}, ...head.map(([text, name]) => el('th', { scope: 'col', class: name }, text)))),
      el('tbody', {}, ...lines.map(([name, g]) => {
        if (!g) return el('tr', {}, el('td', { class: 'soft', colspan: '11' }, 'More: llmrec stats --json has all.'));
        const t = g.time_to_first_token_ms;
        const zero = (n, text) => el('span', { class: n ? '' : 'soft' }, text);
        return el('tr', {}, el('td', { title: name, class: g.name === null ? 'soft' : '' }, name), el('td', {}, count(g.calls)),
          el('td', { class: 'rate' }, el('div', {}, bar([['failed', (g.failure_rate || 0) / most]]), zero(g.failed, share(g.failure_rate)))),
          el('td', {}, zero(g.interrupted, count(g.interrupted))), el('td', { class: 'wide' }, zero(g.aborted, count(g.aborted))),
          el('td', { class: 'wide' }, time(t.p50)), el('td', {}, time(t.p95)), el('td', { class: 'wide' }, time(t.p99)),
          el('td', { class: 'wide' }, zero(g.usage_missing, share(g.missing_usage_rate))), el('td', { class: 'wide' }, money(g.cost_usd.total, true)),
          el('td', { class: 'wide' }, zero(g.cost_usd.wasted, money(g.cost_usd.wasted, true))));
      }))));
  }

  function interruptions(s) {
    const list = s.by.route.groups.filter((g) => g.interrupted).map((g) => [g.name || '(none)', g.interrupted, g.name === null ? '(none)' : g.name]);
    list.sort((a, b) => b[1] - a[1]);
    if (!list.length) return section('Interruptions by route', 'No answer was cut.');
    return section('Interruptions by route', 'Where the answers that were cut belonged; shares are of all calls.', rows(list.slice(0, 10), s.calls, () => 'failed'));
  }

  function bill(s) {
    const t = s.tokens;
    const c = s.cost_usd;
    const part = (usd) => (c.total > 0 ? share(usd / c.total) : '');
    const row = (name, value, of, sub) => el('tr', { class: sub ? 'sub' : '' }, el('th', { scope: 'row' }, name), el('td', {}, value), el('td', { class: 'of' }, of || ''));
    return section('Tokens and cost', 'What providers reported; where they did not, estimates.', el('table', { class: 'money' }, el('tbody', {},
      row('tokens in', figure('tokens_in', count(t.input))), row('tokens out', figure('tokens_out', count(t.output))),
      t.input_estimated + t.output_estimated > 0 ? row('more without usage, about', `${count(t.input_estimated)} in, ${count(t.output_estimated)} out`) : null,
      row('cost', money(c.total)), c.estimated > 0 ? row('estimated', money(c.estimated), part(c.estimated), true) : null,
      row('for nothing', money(c.wasted), part(c.wasted), true),
      c.cut > 0 ? row('cut or left', money(c.cut), part(c.cut), true) : null,
      c.retried > 0 ? row('tried again', money(c.retried), part(c.retried), true) : null)));
  }

  function newest(s) {
    const now = Date.parse(s.generated_at);
    if (!s.newest_failures.length) return null;
    const items = s.newest_failures.map((f) => {
      const at = Date.parse(f.started_at);
      const mark = f.status === 'aborted' ? '\u2298 ' : '\u2717 ';
      const meta = [f.provider, f.model, f.failure_stage && words(f.failure_stage), f.error_type && words(f.error_type), f.retry_safety && f.retry_safety !== 'unknown' && `retry: ${words(f.retry_safety)}`];
      return el('li', {}, el('a', { href: `/records/${encodeURIComponent(f.request_id)}` },
        el('time', { datetime: f.started_at, title: clock(at, true) }, ago(now - at)),
        el('span', { class: 'what' }, el('span', { class: f.status === 'aborted' ? 'warn' : 'bad' }, mark), f.verdict || f.status),
        el('span', { class: 'meta' }, meta.filter(Boolean).join(' \u00b7 '))));
    });
    const list = (some) => el('ul', { class: 'failures' }, ...some);
    const rest = items.splice(6);
    const more = el('details', {}, el('summary', {}, `${rest.length} more`), list(rest));
    more.open = moreIsOpen;
    more.addEventListener('toggle', () => { moreIsOpen = more.open; });
    return section('Newest failures', 'Each opens its receipt.', list(items), rest.length ? more : null);
  }

  function empty(s, range) {
    const proxy = (s.recorder.listening.find((l) => l.startsWith('listen ')) || 'listen 127.0.0.1:8790').split(' ').pop();
    return [el('div', { class: 'head' }, el('h1', {}, `No call in ${IN_WORDS[range]}.`),
      el('p', { class: 'lead' }, range === '7d' ? 'llmrec is running and waits for calls to a provider. To send it some:' : ['llmrec is running and waits for calls to a provider. Look at ', el('a', { href: '#7d' }, 'the last 7 days'), ', or send it some:'])),
    el('ol', { class: 'steps' },
      el('li', {}, 'Set the proxy and the certificates in the shell that starts your app.', el('pre', {}, el('code', {}, 'eval "$(llmrec ca env)"\n', `export HTTPS_PROXY=http://${proxy}`))),
      el('li', {}, 'Run the app as always. Its code, its base URL and its keys stay as they are.'),
      el('li', {}, 'Still nothing? This finds out why and says what to set.', el('pre', {}, el('code', {}, 'llmrec doctor'))))];
  }

  function show(s, range) {
    const r = s.recorder;
    by('where').textContent = location.host;
    const nothing = s.calls + s.running === 0;
    by('main').replaceChildren(...(nothing ? empty(s, range) : [headline(s), s.calls ? tiles(s) : null, overTime(s, range),
      s.calls ? two(stages(s), errors(s)) : null, newest(s), s.calls ? two(firstToken(s), chunks(s)) : null,
      breakdown('By provider', '', s.by.provider), breakdown('By model', '', s.by.model),
      breakdown('By route', 'The route tag: the user name in HTTPS_PROXY=http://checkout@\u2026 sets it.', s.by.route),
      s.calls ? two(interruptions(s), bill(s)) : null].filter(Boolean)));
    const full = r.store_max_bytes ? ` (${share(r.store_used_bytes / r.store_max_bytes)} of ${octets(r.store_max_bytes)})` : '';
    by('foot').textContent = `llmrec ${r.version}, up for ${ago(r.uptime_s * 1000).replace(' ago', '')}; ${many(r.connections_open, 'open connection')}; the store holds ${octets(r.store_used_bytes)}${full}.`;
    document.title = nothing ? 'llmrec' : `${count(s.failed)} of ${count(s.calls)} failed \u2013 llmrec`;
    document.body.dataset.ready = range;
  }

  const chosen = () => (Object.hasOwn(RANGES, location.hash.slice(1)) ? location.hash.slice(1) : '24h');

  function ranges() {
    by('ranges').replaceChildren(...Object.entries(RANGES).map(([key, text]) =>
      el('a', { href: `#${key}`, 'aria-current': key === chosen() ? 'true' : null, title: IN_WORDS[key] }, text)));
  }

  function age() {
    const text = shown ? `updated ${ago(Date.now() - shown)}` : '';
    by('fresh').textContent = failing ? `llmrec does not answer${shown ? '; ' + text : ''}` : text;
    by('fresh').className = failing ? 'bad' : '';
  }

  let asking = 0;
  async function read() {
    const range = chosen();
    asking += 1;
    const mine = asking;
    try {
      const answer = await fetch(`/stats.json?since=${range}`, { cache: 'no-store' });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const stats = await answer.json();
      if (mine !== asking) return;
      failing = false;
      shown = Date.now();
      show(stats, range);
    } catch (error) {
      if (mine !== asking) return;
      failing = true;
      if (!(error instanceof TypeError)) console.warn(error);
    }
    age();
  }

  addEventListener('hashchange', () => { ranges(); read(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) read(); });
  setInterval(() => { if (!document.hidden) read(); }, EVERY_MS);
  setInterval(age, 1000);
  ranges();
  read();
})();
