// A list of API tokens: one's own, or those of a user.

import { at, call } from './api.js';
import { h } from './dom.js';
import { button, chips, confirmed, say, table, time } from './ui.js';

/** The tokens at a path of the API, with a button to revoke each. */
export function tokenTable(tokens, path, again) {
  const revoke = (token) => confirmed(`Revoke ${token.name}?`, 'Whatever uses it stops working at once.', 'Revoke', async () => {
    await call('DELETE', path + at`/${token.id}`);
    say(`The token ${token.name} is revoked.`);
    again();
  });
  return table('API tokens', [
    ['Name', (t) => t.name], ['Roles', (t) => chips(t.roles)], ['Made', (t) => time(t.created_at)], ['Last used', (t) => time(t.last_used_at)],
    ['Ends', (t) => time(t.expires_at)], ['Actions', (t) => button('Revoke', () => revoke(t), 'danger')],
  ], tokens, h('span', {}, 'There is no valid token.'));
}
