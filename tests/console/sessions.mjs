// How the console keeps a session: tokens, reloads, tabs, ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessToken, api, asked, expectNoTrouble, go, logIn, setup, stored, tabOf, titled } from './browser.mjs';

test('tokens are in memory and in the storage of the tab, and nowhere else', async () => {
  const page = await tabOf(setup.viewer);
  const access = await accessToken(page, () => go(page, '#/account', 'My account'));
  const kept = await page.evaluate(() => ({ session: { ...sessionStorage }, local: { ...localStorage }, cookie: document.cookie }));
  assert.deepEqual(Object.keys(kept.session), ['mk8s.refresh']);
  assert.deepEqual([kept.local, kept.cookie], [{}, '']);
  assert.deepEqual(await page.context().cookies(), []);
  assert.ok(!JSON.stringify(kept).includes(access), 'the access token is in no storage');
  const refresh = await stored(page);
  assert.ok(asked.length > 20 && asked.every((url) => !url.includes(access) && !url.includes(refresh) && !url.includes('mk8s_')));
  assert.ok(asked.every((url) => url.startsWith(setup.url) || url.startsWith(setup.url.replace('localhost', '127.0.0.1'))), 'no other place is asked');
  expectNoTrouble();
});

test('a reload stays logged in, and a new tab is a session of its own', async () => {
  const page = await tabOf(setup.viewer);
  const before = await stored(page);
  await go(page, '#/account', 'My account');
  await page.reload();
  await titled(page, 'My account');
  assert.notEqual(await stored(page), before, 'the refresh token is used once');
  const other = await page.context().newPage();
  await go(other, '', 'Log in');
  expectNoTrouble();
});

test('a duplicated tab and its original stay logged in', async () => {
  const page = await tabOf(setup.viewer);
  const opened = page.context().waitForEvent('page');
  await page.evaluate(() => { window.open('/console/#/account'); });
  const copy = await opened;
  await titled(copy, 'My account');
  const token = await stored(copy);
  await page.waitForFunction((now) => sessionStorage.getItem('mk8s.refresh') === now, token);
  await page.reload();
  await titled(page, 'Clusters');
  const next = await stored(page);
  assert.notEqual(next, token);
  await copy.waitForFunction((now) => sessionStorage.getItem('mk8s.refresh') === now, next);
  expectNoTrouble();
});

test('however many requests are refused, one refresh is made', async () => {
  const page = await tabOf(setup.admin);
  let refreshes = 0;
  const refused = new Set();
  await page.route('**/auth/refresh', (route) => { refreshes += 1; return route.continue(); });
  await page.route(/\/(admin\/users|admin\/roles|clusters)$/, (route) => {
    const path = new URL(route.request().url()).pathname;
    if (refused.has(path)) return route.continue();
    refused.add(path);
    return route.fulfill({ status: 401, json: { status: 401, detail: 'expired' } });
  });
  await go(page, '#/users', 'Users and roles');
  await page.getByRole('link', { name: setup.viewer.email }).first().waitFor();
  assert.deepEqual([refused.size, refreshes], [3, 1]);
  expectNoTrouble();
});

test('a session that has ended leads to the login, and from there back', async () => {
  const page = await tabOf(setup.viewer);
  await go(page, '#/account', 'My account');
  const access = await accessToken(page, () => page.getByRole('link', { name: 'Clusters' }).click());
  assert.equal((await api(page, 'POST', '/auth/logout', access)).status(), 204);
  await page.getByRole('link', { name: 'My account' }).click();
  await titled(page, 'Log in');
  assert.equal(await stored(page), null);
  await logIn(page, setup.viewer);
  await titled(page, 'My account');
  expectNoTrouble();
});

test('log out ends the session at central', async () => {
  const page = await tabOf(setup.viewer);
  const access = await accessToken(page, () => go(page, '#/account', 'My account'));
  const refresh = await stored(page);
  await page.getByRole('button', { name: 'Log out' }).click();
  await titled(page, 'Log in');
  await page.getByText('You are logged out.').waitFor();
  assert.equal(await stored(page), null);
  assert.equal((await api(page, 'GET', '/auth/me', access)).status(), 401);
  assert.equal((await api(page, 'POST', '/auth/refresh', null, { refresh_token: refresh })).status(), 401);
  await page.reload();
  await titled(page, 'Log in');
  expectNoTrouble();
});
