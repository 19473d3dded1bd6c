// Roles in words.

import { h } from './dom.js';

const list = (words, every) => (words.includes('*') ? every : words.join(', '));

/** What one entry of a role covers. */
export const sentence = (p) => h('li', {}, h('strong', {}, list(p.verbs, 'everything')), ' on ', list(p.resources, 'all resources'),
  ' in ', p.namespaces.includes('*') ? 'all namespaces' : `the namespaces ${p.namespaces.join(', ')}`,
  ' of ', p.clusters.includes('*') ? 'all clusters' : `the clusters ${p.clusters.join(', ')}`);

/** What a role permits and denies. */
export const rules = (role) => [
  role.description && h('p', {}, role.description),
  h('p', {}, 'Permits'), h('ul', {}, role.permissions.map(sentence)),
  role.deny.length > 0 && [h('p', {}, 'Denies, whatever other roles permit'), h('ul', {}, role.deny.map(sentence))],
];

export const roleDetails = (role, ...more) => h('details', {}, h('summary', {}, role.name, role.built_in ? h('span', { class: 'quiet' }, ' built in') : ''), rules(role), more);
