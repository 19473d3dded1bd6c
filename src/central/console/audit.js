// Page: the audit log.

import { get, request } from './api.js';
import { fill, h } from './dom.js';
import { badge, button, facts, field, form, problemBox, say } from './ui.js';

const HOURS = [['', 'always'], ['1', 'last hour'], ['24', 'last day'], ['168', 'last week'], ['720', 'last 30 days']];
const MOST = 100_000;

export function auditPage(view) {
  const asked = (name) => view.query.get(name) ?? '';
  const text = (title, name) => field(title, name, { value: asked(name) });
  const filters = form(h('div', { class: 'fields' },
    text('User', 'user'), text('Cluster', 'cluster'), text('Verb', 'verb'), text('Namespace', 'namespace'),
    field('Decision', 'decision', { value: asked('decision'), options: [['', 'any'], ['allowed', 'allowed'], ['denied', 'denied']] }),
    field('Since', 'hours', { value: asked('hours'), options: HOURS })), 'Search', (data) => {
    const query = new URLSearchParams([...data].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
    const next = `#/audit?${query}`;
    if (location.hash === next) auditPage(view);
    else location.hash = next;
  });
  const body = h('tbody', { role: 'rowgroup' });
  const more = h('div', { class: 'actions' });
  const query = filterOf(view.query);

  async function load(before) {
    const page = before ? `${query}&before=${encodeURIComponent(before)}` : query;
    fill(more, h('p', { class: 'quiet' }, 'Loading…'));
    try {
      const { records, next } = await get(`/admin/audit?${page}`, view.signal);
      body.append(...records.flatMap(rows));
      fill(more, !body.hasChildNodes() && h('p', { class: 'quiet' }, 'No record matches.'), next && button('More', () => load(next)));
    } catch (problem) {
      if (!view.signal.aborted) fill(more, problemBox(problem, () => load(before)));
    }
  }

  const titles = ['Time', 'User', 'Cluster', 'Kind', 'What', 'Decision', 'Result'];
  view.show('Audit', filters, h('div', { class: 'actions' }, exporter(view, query)),
    h('table', { role: 'table' }, h('caption', {}, 'Records, the latest first'),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, titles.map((title) => h('th', { role: 'columnheader', scope: 'col' }, title)))),
      body), more);
  load();
}

/** The filter of the address as central wants it. */
function filterOf(query) {
  const filter = new URLSearchParams(query);
  const hours = Number(filter.get('hours'));
  filter.delete('hours');
  if (hours > 0) filter.set('since', new Date(Date.now() - hours * 3600_000).toISOString());
  return filter.toString();
}

function rows(record) {
  const what = record.command ?? [record.verb, record.resource, record.name ?? record.target].filter(Boolean).join(' ');
  const result = record.exit_code !== undefined ? `exit ${record.exit_code}` : record.status ?? '';
  const all = h('tr', { role: 'row', class: 'all', hidden: true }, h('td', { role: 'cell', colspan: 7 }, facts(Object.entries(record))));
  const open = h('button', { type: 'button', class: 'link', 'aria-expanded': 'false', onclick() {
    all.hidden = !all.hidden;
    open.setAttribute('aria-expanded', String(!all.hidden));
  } }, new Date(record.time).toLocaleString());
  const cell = (title, value) => h('td', { role: 'cell', 'data-title': title }, h('div', {}, value || '–'));
  return [h('tr', { role: 'row' }, cell('Time', open), cell('User', record.user), cell('Cluster', record.cluster), cell('Kind', record.kind),
    cell('What', h('code', {}, what)),
    cell('Decision', record.decision && badge(record.decision, record.decision === 'denied' ? 'offline' : 'online')),
    cell('Result', [record.outcome, result].filter((part) => part !== undefined && part !== '').join(', '))), all];
}

function exporter(view, query) {
  const start = button('Export as JSON Lines', async () => {
    start.disabled = true;
    try {
      const { pieces, count } = await download(query, view.signal);
      const link = h('a', { href: URL.createObjectURL(new Blob(pieces, { type: 'application/x-ndjson' })), download: 'mk8s-audit.jsonl' });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      say(`${count} records are exported${count === MOST ? ', the most that the console takes: mk8s audit has no such end' : ''}.`);
    } catch (problem) {
      if (!view.signal.aborted) say(`The export failed: ${problem.message}`);
    } finally {
      start.disabled = false;
    }
  });
  return start;
}

/** The records that the filter wants, up to a number that a browser bears. */
async function download(query, signal) {
  const response = await request('GET', `/admin/audit?${query}`, { accept: 'application/x-ndjson', signal });
  const reader = response.body.getReader();
  const pieces = [];
  for (let count = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return { pieces, count };
    let end = 0;
    for (let at = value.indexOf(10); at >= 0 && count < MOST; at = value.indexOf(10, end)) {
      end = at + 1;
      count += 1;
    }
    pieces.push(count < MOST ? value : value.slice(0, end));
    if (count >= MOST) {
      await reader.cancel();
      return { pieces, count };
    }
  }
}
