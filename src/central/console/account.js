// Page: one's own account.

import { call, currentUser, get } from './api.js';
import { fill, h } from './dom.js';
import { roleDetails } from './roles.js';
import { sessionTable } from './sessions.js';
import { tokenTable } from './tokens.js';
import { badge, button, checks, confirmed, facts, field, form, say, secretBox, section, table, time } from './ui.js';

export function accountPage(view) {
  const user = currentUser();
  const made = h('div', { 'aria-live': 'polite' });
  const tokens = view.part(async (again) => [
    tokenTable((await get('/tokens')).tokens, '/tokens', again), newToken(user, made, again),
  ]);
  view.show('My account',
    section('Who I am', facts([['Email', user.email], ['Roles', user.roles.join(', ') || 'none'], ['Id', h('code', {}, user.id)]])),
    section('What I may do', view.part(async () => {
      const { roles } = await get('/auth/roles');
      return roles.length ? roles.map((role) => roleDetails(role)) : h('p', { class: 'quiet' }, 'You have no role: you may do nothing yet.');
    })),
    section('API tokens', tokens, made),
    section('Sessions', view.part(async (again) => sessionTable((await get('/auth/sessions')).sessions, '/auth/sessions', again))),
    section('Password', password()));
}

function newToken(user, made, again) {
  return h('details', {}, h('summary', {}, 'Make a token'), form([
    field('Name', 'name', { required: true, maxlength: 64, placeholder: 'ci' }),
    checks('Roles', 'roles', user.roles, user.roles),
    field('Days until it ends', 'days', { type: 'number', min: 1, max: 365, value: 90, required: true }),
  ], 'Make the token', async (data) => {
    const token = await call('POST', '/tokens', { name: data.get('name').trim(), roles: data.getAll('roles'), expires_in_days: Number(data.get('days')) });
    fill(made, secretBox(`The token ${token.name}`, token.token));
    again();
  }));
}

function password() {
  const input = (title, name, complete) => field(title, name, { type: 'password', required: true, autocomplete: complete });
  return form([
    input('Current password', 'current', 'current-password'), input('New password', 'next', 'new-password'), input('Repeat it', 'repeated', 'new-password'),
  ], 'Change the password', async (data, element) => {
    if (data.get('next') !== data.get('repeated')) throw new Error('The new passwords are not the same.');
    await call('POST', '/auth/password', { current_password: data.get('current'), new_password: data.get('next') });
    element.reset();
    return h('p', {}, 'The password is changed; your other sessions have ended.');
  });
}
