// Page: add a cluster, and wait for its agent.

import { at, call, get } from './api.js';
import { fill, h } from './dom.js';
import { agentToken } from './install.js';
import { readLabels } from './labels.js';
import { badge, button, field, form, problemBox, section } from './ui.js';

export function addPage(view) {
  const steps = h('div');
  const create = async (data) => {
    const name = data.get('name').trim();
    const labels = readLabels(data.get('labels'));
    await call('POST', '/admin/clusters', { name, labels });
    view.show(`Add ${name}`, steps);
    install(view, name, steps);
  };
  view.show('Add a cluster', h('p', {}, 'An agent in the cluster, or near it, dials out to central. Nothing has to reach the cluster from outside.'),
    form([
      field('Name', 'name', { required: true, pattern: '[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?', title: 'Lower case letters, digits and hyphens', placeholder: 'prod-eu' }),
      field('Labels', 'labels', { placeholder: 'env=prod, tier=web', hint: 'Several clusters are chosen by them at once. May be empty.' }),
    ], 'Add the cluster', create));
}

// The cluster is there from here on: should the token fail, it is asked for again.
async function install(view, name, steps) {
  try {
    const commands = await agentToken(name);
    const state = h('p', { class: 'waiting', role: 'status' }, badge('waiting', 'wait'), ' Waiting for the agent…');
    fill(steps, section('Install the agent', commands), section('Connection', state));
    wait(view, name, state);
  } catch (problem) {
    fill(steps, problemBox(problem), button('Make the token again', () => install(view, name, steps)));
  }
}

function wait(view, name, state) {
  let connected = false;
  view.every(2, async () => {
    if (connected) return;
    const cluster = await get(at`/clusters/${name}`, view.signal).catch(() => ({}));
    if (cluster.status !== 'online') return;
    connected = true;
    fill(state, badge('online'), ` The agent is connected. `, h('a', { href: `#/clusters/${name}` }, `To the cluster ${name}`));
  });
}
