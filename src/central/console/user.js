// Page: one user.

import { at, call, get } from './api.js';
import { h } from './dom.js';
import { sessionTable } from './sessions.js';
import { tokenTable } from './tokens.js';
import { badge, button, checks, confirmed, facts, form, say, section, time } from './ui.js';

export function userPage(view) {
  const [id] = view.values;
  const path = at`/admin/users/${id}`;
  view.show(id, view.part(async (again) => {
    const [user, { roles }] = await Promise.all([get(path), get('/admin/roles')]);
    return [
      section('State', facts([['State', user.disabled ? badge('disabled', 'offline') : badge('enabled', 'online')],
        ['Last login', time(user.last_login_at)], ['Made', time(user.created_at)], ['Id', h('code', {}, user.id)]]),
      h('p', {}, h('a', { href: `#/audit?user=${encodeURIComponent(user.email)}` }, 'What this user did'))),
      section('Roles', form(checks('Roles of the user', 'roles', roles.map((role) => role.name), user.roles), 'Save roles', async (data) => {
        await call('PUT', `${path}/roles`, { roles: data.getAll('roles') });
        say('The roles are saved. They count within two seconds.');
        again();
      })),
      section('Access', h('div', { class: 'actions' }, access(user, path, again), removal(user, path))),
    ];
  }), section('Sessions', view.part(async (again) => sessionTable((await get(`${path}/sessions`)).sessions, `${path}/sessions`, again))),
  section('API tokens', view.part(async (again) => tokenTable((await get(`${path}/tokens`)).tokens, `${path}/tokens`, again))));
}

function access(user, path, again) {
  const set = async (disabled) => {
    await call('PATCH', path, { disabled });
    say(disabled ? `${user.email} is disabled.` : `${user.email} may log in again.`);
    again();
  };
  const enable = h('div', {}, form([], 'Enable', () => set(false)));
  if (user.disabled) return enable;
  return button('Disable', () => confirmed(`Disable ${user.email}?`, 'What the user runs ends at once, and so do sessions and API tokens.', 'Disable', () => set(true)), 'danger');
}

const removal = (user, path) => button('Delete the user', () => confirmed(`Delete ${user.email}?`,
  'Sessions and API tokens end at once. The audit log keeps what the user did.', 'Delete', async () => {
    await call('DELETE', path);
    say(`${user.email} is deleted.`);
    location.hash = '#/users';
  }, user.email), 'danger');
