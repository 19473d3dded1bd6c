// Page: one cluster, and for admins what its agents show and how it is called.

import { at, call, get, isAdmin } from './api.js';
import { askForm } from './ask.js';
import { fill, h } from './dom.js';
import { agentToken } from './install.js';
import { readLabels } from './labels.js';
import { badge, button, chips, confirmed, copyBox, facts, field, form, labelTexts, problemBox, say, section, table, time } from './ui.js';

export function clusterPage(view) {
  const [name] = view.values;
  const health = h('div', {}, h('p', { class: 'quiet' }, 'Loading…'));
  const rest = h('div');
  const load = async () => {
    try {
      fill(health, describe(await get(at`/clusters/${name}`, view.signal)));
      // Of a cluster that one cannot see there is nothing else to show.
      if (!rest.hasChildNodes()) fill(rest, connect(name), section('May I?', askForm(name)), isAdmin() && administration(view, name, load));
    } catch (problem) {
      if (!view.signal.aborted) fill(health, problemBox(problem, load));
    }
  };
  view.show(name, section('Health', health), rest);
  view.every(10, load);
}

const connect = (name) => section('Connect', h('p', {}, 'Log in once, then choose the cluster, or name it with a command.'),
  copyBox(`mk8s login ${location.origin}`, 'Log in'),
  copyBox(`mk8s clusters use ${name}`, 'Choose the cluster'),
  copyBox(`mk8s --cluster ${name} kubectl get pods`, 'One command'),
  h('p', {}, 'For kubectl, helm, k9s and whatever else reads a kubeconfig:'),
  copyBox(`mk8s kubeconfig write ${name}`, 'Kubeconfig'));

const administration = (view, name, changed) => [tokens(view, name), labels(view, name, changed), removal(name)];

const describe = (c) => facts([
  ['Status', badge(c.status)], ['Last seen', time(c.last_seen)], ['Tunnels', c.tunnels], ['Kubernetes', c.kubernetes_version],
  ['Nodes', c.node_count], ['Agent', c.agent_version], ['kubectl of the agent', c.kubectl_version], ['Sandbox', c.sandbox],
  ['Labels', Object.keys(c.labels ?? {}).length > 0 && chips(labelTexts(c.labels))],
].map(([title, value]) => [title, value === false ? null : value]));

function tokens(view, name) {
  const made = h('div', { 'aria-live': 'polite' });
  const list = view.part(async (again) => {
    const { tokens } = await get(at`/admin/clusters/${name}/tokens`);
    const revoke = (token) => confirmed('Revoke the token?', `Agents of ${name} that use it lose their connection at once.`, 'Revoke', async () => {
      await call('DELETE', at`/admin/clusters/${name}/tokens/${token.id}`);
      say('The token is revoked.');
      again();
    });
    const make = form([], 'Make a token', async () => {
      fill(made, await agentToken(name));
      again();
    });
    return [table('Agent tokens', [
      ['Token', (t) => h('code', {}, t.id)], ['Made', (t) => time(t.created_at)], ['Last used', (t) => time(t.last_used_at)],
      ['Ends', (t) => time(t.expires_at)], ['Actions', (t) => button('Revoke', () => revoke(t), 'danger')],
    ], tokens, 'No token is valid: no agent can connect.'), make];
  });
  return section('Agent tokens', list, made);
}

function labels(view, name, changed) {
  return section('Labels', view.part(async (again) => {
    const { labels } = await get(at`/admin/clusters/${name}`);
    return form(field('Labels', 'labels', { value: labelTexts(labels).join(', '), hint: 'key=value, with commas between them' }), 'Save labels', async (data) => {
      const wanted = readLabels(data.get('labels'));
      const gone = Object.keys(labels).filter((key) => !(key in wanted)).map((key) => [key, null]);
      await call('PATCH', at`/admin/clusters/${name}`, { labels: { ...Object.fromEntries(gone), ...wanted } });
      say('The labels are saved.');
      changed();
      again();
    });
  }));
}

const removal = (name) => section('Remove', h('p', {}, 'Central forgets the cluster, with the tokens and tunnels of its agents. The cluster itself stays as it is.'),
  button('Remove the cluster', () => confirmed(`Remove ${name}?`, 'What runs in it through mk8s ends.', 'Remove', async () => {
    await call('DELETE', at`/admin/clusters/${name}`);
    say(`${name} is removed.`);
    location.hash = '#/clusters';
  }, name), 'danger'));
