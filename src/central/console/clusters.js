// Page: all clusters that one may use.

import { get, isAdmin } from './api.js';
import { fill, h } from './dom.js';
import { badge, chips, field, labelTexts, problemBox, table, time } from './ui.js';

const COLUMNS = [
  ['Name', (c) => h('a', { href: `#/clusters/${c.name}` }, c.name)],
  ['Status', (c) => badge(c.status)],
  ['Kubernetes', (c) => c.kubernetes_version],
  ['Agent', (c) => c.agent_version],
  ['Nodes', (c) => c.node_count],
  ['Tunnels', (c) => c.tunnels],
  ['Last seen', (c) => time(c.last_seen)],
  ['Labels', (c) => chips(labelTexts(c.labels))],
];

export function clustersPage(view) {
  let all = null;
  const place = h('div', {}, h('p', { class: 'quiet' }, 'Loading…'));
  const trouble = h('div');
  const search = field('Filter', 'filter', { type: 'search', placeholder: 'name, label or status', oninput: () => draw() });
  const words = () => search.querySelector('input').value.toLowerCase().split(/\s+/).filter(Boolean);

  function draw() {
    if (!all) return;
    const wanted = words();
    const texts = (c) => [c.name, c.status, ...labelTexts(c.labels)].join(' ').toLowerCase();
    const rows = all.filter((c) => wanted.every((word) => texts(c).includes(word)));
    const focused = document.activeElement?.closest('td') && document.activeElement.getAttribute('href');
    fill(place, h('p', { class: 'quiet' }, `${rows.length} of ${all.length}, ${all.filter((c) => c.status === 'online').length} online`),
      table('Clusters', COLUMNS, rows, all.length ? 'No cluster matches the filter.' : 'There is no cluster that you may use yet.'));
    if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  async function load() {
    try {
      all = (await get('/clusters', view.signal)).clusters;
      fill(trouble);
      draw();
    } catch (problem) {
      if (!view.signal.aborted) fill(trouble, problemBox(problem, load));
      if (!all) fill(place);
    }
  }

  view.show('Clusters', h('div', { class: 'bar' }, search, isAdmin() && h('a', { class: 'button', href: '#/add' }, 'Add a cluster')), trouble, place);
  view.every(10, load);
}
