// What a user without the role admin sees, and what it does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoTrouble, go, row, setup, tab, titled } from './browser.mjs';

const BUTTONS = /\b(revoke|remove|delete|disable|save|make|add|export|change)\b/i;

test('a viewer has no page, no link and no button of an admin', async () => {
  const page = await tab(setup.viewer);
  await go(page, '#/clusters', 'Clusters');
  await row(page, 'dev').waitFor();
  assert.deepEqual(await page.getByRole('navigation').getByRole('link').allInnerTexts(), ['Clusters', 'My account']);
  assert.equal(await page.getByRole('link', { name: BUTTONS }).count(), 0);
  await go(page, '#/clusters/dev', 'dev');
  await page.getByRole('button', { name: 'Ask' }).waitFor();
  assert.equal(await page.getByRole('button', { name: BUTTONS }).count(), 0);
  assert.deepEqual(await page.getByRole('heading', { level: 2 }).allInnerTexts(), ['Health', 'Connect', 'May I?']);
  expectNoTrouble();
});

test('an address of an admin page is not for a viewer, and nothing is asked for', async () => {
  const page = await tab(setup.viewer);
  await go(page, '#/account', 'My account');
  await page.waitForLoadState('networkidle');
  const requests = [];
  const note = (request) => requests.push(request.url());
  page.on('request', note);
  for (const hash of ['#/add', '#/audit', '#/users', '#/users/admin%40localhost', '#/new-role', '#/roles/admin', '#/audit?user=a']) {
    await page.evaluate((hash) => { location.hash = hash; }, hash);
    await titled(page, 'Not for you');
    assert.equal(await page.locator('main').getByRole('button').count(), 0);
    await page.evaluate(() => { location.hash = '#/nothing'; });
    await titled(page, 'No such page');
  }
  page.off('request', note);
  // A browser may look at the icon again.
  assert.deepEqual(requests.filter((url) => !url.endsWith('/icon.svg')), []);
  expectNoTrouble();
});

test('who is an admin no more loses the pages', async () => {
  const page = await tab(setup.viewer);
  await page.route('**/auth/refresh', async (route) => {
    const response = await route.fetch();
    const tokens = await response.json();
    return route.fulfill({ response, json: { ...tokens, user: { ...tokens.user, roles: ['admin'] } } });
  });
  await page.goto(`${setup.url}/console/#/users`);
  await page.reload();
  // Central does not believe it: `/auth/me` says what the roles are.
  await titled(page, 'Not for you');
  await page.unrouteAll();
  assert.equal(await page.getByRole('navigation').getByRole('link').count(), 2);
});
