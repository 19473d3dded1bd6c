// The question whether somebody may do something in a cluster.

import { at, call } from './api.js';
import { h } from './dom.js';
import { badge, field, form } from './ui.js';

/** A form that asks it; `more` are fields before the others, `cluster` is fixed or among them. */
export function askForm(cluster, more) {
  const work = async (data) => {
    const question = {};
    for (const name of ['verb', 'resource', 'namespace', 'user']) {
      const value = data.get(name)?.trim();
      if (value) question[name] = value;
    }
    const verdict = await call('POST', at`/clusters/${cluster ?? data.get('cluster')}/can-i`, question);
    return h('p', {}, verdict.allowed ? badge('yes', 'online') : badge('no', 'offline'), ' ', verdict.reason);
  };
  return form([h('div', { class: 'fields' }, more,
    field('Verb', 'verb', { required: true, placeholder: 'get, logs, exec' }),
    field('Resource', 'resource', { required: true, placeholder: 'pods, deployments' }),
    field('Namespace', 'namespace', { placeholder: 'all namespaces' }))], 'Ask', work);
}
