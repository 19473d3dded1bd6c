// A list of sessions: one's own, or those of a user.

import { at, call } from './api.js';
import { badge, button, confirmed, say, table, time } from './ui.js';

/** The sessions at a path of the API, with a button to end each but this one. */
export function sessionTable(sessions, path, again) {
  const end = (session) => confirmed('End the session?', `Whoever uses it (${session.user_agent || 'unknown'}, ${session.source_ip}) has to log in again.`, 'End', async () => {
    await call('DELETE', path + at`/${session.id}`);
    say('The session is ended.');
    again();
  });
  return table('Sessions', [
    ['Client', (s) => s.user_agent || 'unknown'], ['Address', (s) => s.source_ip], ['Begun', (s) => time(s.created_at)],
    ['Last refreshed', (s) => time(s.refreshed_at)], ['Ends', (s) => time(s.expires_at)],
    ['Actions', (s) => (s.current ? badge('this session', 'online') : button('End', () => end(s), 'danger'))],
  ], sessions, 'There is no session.');
}
