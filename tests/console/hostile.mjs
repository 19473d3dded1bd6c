// What comes from elsewhere is shown as text, whatever it holds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessToken, api, expectNoTrouble, go, part, setup, tab } from './browser.mjs';

const { hostile } = setup;

async function expectHarmless(page) {
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator('main script, main iframe, main img, main b').count(), 0);
  expectNoTrouble();
}

test('a user agent, in the log', async () => {
  const page = await tab(setup.admin);
  await go(page, `#/audit?user=${encodeURIComponent(setup.viewer.email)}&verb=login`, 'Audit');
  await page.locator('tbody tr:not(.all)').first().waitFor();
  for (const button of await page.locator('tbody button').all()) await button.click();
  await page.getByText(hostile, { exact: true }).first().waitFor();
  await expectHarmless(page);
});

test('the description of a role, and its patterns', async () => {
  const page = await tab(setup.admin);
  const token = await accessToken(page, () => go(page, '#/clusters', 'Clusters'));
  const role = { name: 'hostile', description: hostile, permissions: [{ clusters: ['dev'], namespaces: ['default'], resources: ['pods'], verbs: ['get'] }] };
  assert.equal((await api(page, 'POST', '/admin/roles', token, role)).status(), 201);
  await go(page, '#/users', 'Users and roles');
  const details = part(page, 'Roles').locator('details').filter({ hasText: /^hostile/ });
  await details.locator('summary').click();
  await details.getByText(hostile, { exact: true }).waitFor();
  await go(page, '#/roles/hostile', 'Role hostile');
  await page.getByText(hostile, { exact: true }).waitFor();
  await expectHarmless(page);
});

test('the name of a token', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/account', 'My account');
  const tokens = part(page, 'API tokens');
  await tokens.getByText('Make a token').click();
  await tokens.getByLabel('Name').fill(hostile);
  await tokens.getByRole('button', { name: 'Make the token' }).click();
  await tokens.getByRole('cell').getByText(hostile, { exact: true }).waitFor();
  await expectHarmless(page);
});

test('what an agent says, and labels that central would not take', async () => {
  const page = await tab(setup.admin);
  const cluster = {
    name: 'dev', status: hostile, tunnels: 1, last_seen: hostile, agent_version: hostile, kubernetes_version: hostile,
    sandbox: hostile, labels: { [hostile]: hostile },
  };
  await page.route('**/clusters', (route) => route.fulfill({ json: { clusters: [cluster] } }));
  await page.route('**/clusters/dev', (route) => route.fulfill({ json: cluster }));
  await go(page, '#/account', 'My account');
  await go(page, '#/clusters', 'Clusters');
  await page.getByText(`${hostile}=${hostile}`).waitFor();
  await go(page, '#/clusters/dev', 'dev');
  await page.getByText(hostile, { exact: true }).first().waitFor();
  await page.unrouteAll();
  await expectHarmless(page);
});

test('the client of a session, a failure, and an address', async () => {
  const page = await tab(setup.admin);
  const session = {
    id: '../../x?y#z', user_agent: hostile, source_ip: hostile, current: false,
    created_at: '2026-01-02T15:04:05Z', refreshed_at: '2026-01-02T15:04:05Z', expires_at: '2036-01-02T15:04:05Z',
  };
  await page.route('**/auth/sessions', (route) => route.fulfill({ json: { sessions: [session] } }));
  await page.route('**/auth/roles', (route) => route.fulfill({ status: 500, json: { detail: hostile, request_id: hostile } }));
  await go(page, '#/clusters', 'Clusters');
  await go(page, '#/account', 'My account');
  await part(page, 'Sessions').getByRole('cell').getByText(hostile, { exact: true }).first().waitFor();
  await part(page, 'What I may do').getByText(hostile, { exact: true }).first().waitFor();
  const [request] = await Promise.all([
    page.waitForRequest((r) => r.method() === 'DELETE'),
    part(page, 'Sessions').getByRole('button', { name: 'End' }).click().then(() => page.getByRole('dialog').getByRole('button', { name: 'End' }).click()),
  ]);
  assert.equal(new URL(request.url()).pathname, '/auth/sessions/..%2F..%2Fx%3Fy%23z', 'an id stays one part of the path');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.unrouteAll();
  await go(page, `#/users/${encodeURIComponent(hostile)}`, hostile);
  await page.getByRole('alert').first().waitFor();
  await expectHarmless(page);
});
