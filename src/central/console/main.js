// The console of mk8s: its pages, its navigation, its start.

import { currentUser, isAdmin, logOut, onSession, resume } from './api.js';
import { fill, h } from './dom.js';
import { start } from './router.js';
import { button, problemBox, say } from './ui.js';
import { logInPage } from './login.js';
import { clustersPage } from './clusters.js';
import { clusterPage } from './cluster.js';
import { addPage } from './add.js';
import { auditPage } from './audit.js';
import { usersPage } from './users.js';
import { userPage } from './user.js';
import { rolePage } from './role.js';
import { accountPage } from './account.js';

// A DNS label: it becomes a part of commands to copy.
const NAME = '([a-z0-9-]+)';
const page = (path, page, admin = false) => ({ pattern: new RegExp(`^${path}$`), page, admin });
const route = start([
  page('/clusters', clustersPage),
  page(`/clusters/${NAME}`, clusterPage),
  page('/add', addPage, true),
  page('/audit', auditPage, true),
  page('/users', usersPage, true),
  page('/users/([^/]+)', userPage, true),
  page('/new-role', rolePage, true),
  page(`/roles/${NAME}`, rolePage, true),
  page('/account', accountPage),
], logInPage);

const LINKS = [
  ['clusters', 'Clusters'], ['add', 'Add a cluster', true], ['audit', 'Audit', true], ['users', 'Users and roles', true],
  ['account', 'My account'],
];

function navigation() {
  const here = location.hash.split(/[/?]/)[1] || 'clusters';
  const parts = { roles: 'users', 'new-role': 'users' };
  const link = ([name, title, admin]) => (!admin || isAdmin())
    && h('a', { href: `#/${name}`, 'aria-current': (parts[here] ?? here) === name && 'page' }, title);
  fill(document.getElementById('who'), currentUser() && [
    h('nav', { 'aria-label': 'Pages' }, LINKS.map(link)),
    h('div', { class: 'me' }, h('span', {}, currentUser().email), button('Log out', end)),
  ]);
}

async function end() {
  try {
    await logOut();
    say('You are logged out.');
  } catch (problem) {
    say(`This tab has forgotten the session. ${problem.message}`);
  }
  location.hash = '';
}

onSession(() => {
  navigation();
  route();
});
window.addEventListener('hashchange', navigation);

async function begin() {
  try {
    if (!await resume()) route();
  } catch (problem) {
    // After a 401 the page to log in is there already.
    if (problem.status !== 401) fill(document.getElementById('main'), problemBox(problem, begin));
    else route();
  }
}
navigation();
begin();
