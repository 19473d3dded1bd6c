// Page: users and roles, and who can do what.

import { call, get } from './api.js';
import { askForm } from './ask.js';
import { fill, h } from './dom.js';
import { roleDetails } from './roles.js';
import { badge, checks, chips, field, form, secretBox, section, table, time } from './ui.js';

const to = (user) => `#/users/${encodeURIComponent(user.email)}`;

export function usersPage(view) {
  const made = h('div', { 'aria-live': 'polite' });
  view.show('Users and roles', view.part(async (again) => {
    const [{ users }, { roles }, { clusters }] = await Promise.all([get('/admin/users'), get('/admin/roles'), get('/clusters')]);
    return [
      section('Users', userTable(users), made, newUser(roles, made, again)),
      section('Roles', roles.map((role) => roleDetails(role, holders(role, users),
        h('a', { class: 'button', href: `#/roles/${role.name}` }, 'Change'))),
      h('p', {}, h('a', { class: 'button', href: '#/new-role' }, 'Make a role'))),
      section('Who can do what', ask(users, clusters)),
    ];
  }));
}

const userTable = (users) => table('Users', [
  ['Email', (u) => h('a', { href: to(u) }, u.email)], ['State', (u) => (u.disabled ? badge('disabled', 'offline') : badge('enabled', 'online'))],
  ['Roles', (u) => (u.roles.length ? chips(u.roles) : 'none')], ['Last login', (u) => time(u.last_login_at)], ['Made', (u) => time(u.created_at)],
], users, 'There is no user.');

function holders(role, users) {
  const held = users.filter((user) => user.roles.includes(role.name));
  return h('p', {}, 'Who has it: ', held.length ? held.map((user, i) => [i > 0 && ', ', h('a', { href: to(user) }, user.email)]) : 'nobody');
}

function newUser(roles, made, again) {
  return h('details', {}, h('summary', {}, 'Make a user'), form([
    field('Email', 'email', { required: true, inputmode: 'email' }),
    checks('Roles', 'roles', roles.map((role) => role.name)),
  ], 'Make the user', async (data) => {
    const user = await call('POST', '/admin/users', { email: data.get('email').trim(), roles: data.getAll('roles') });
    fill(made, secretBox(`The first password of ${user.email}`, user.initial_password));
    again();
  }));
}

function ask(users, clusters) {
  if (!clusters.length) return h('p', { class: 'quiet' }, 'There is no cluster to ask about.');
  const choice = (title, name, values) => field(title, name, { options: values.map((value) => [value, value]) });
  return askForm(null, [choice('User', 'user', users.map((u) => u.email)), choice('Cluster', 'cluster', clusters.map((c) => c.name))]);
}
