// Page 7: one's own account.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, confirm, context, expectNoTrouble, go, logIn, part, row, setup, tab, titled } from './browser.mjs';

test('an account has its roles in words, and its tokens', async () => {
  const page = await tab(setup.viewer);
  await go(page, '#/account', 'My account');
  await part(page, 'Who I am').getByText(setup.viewer.email).waitFor();
  await part(page, 'What I may do').locator('summary', { hasText: 'viewer' }).click();
  await part(page, 'What I may do').getByText(/get, list, watch, logs on all resources in all namespaces of all clusters/).waitFor();
  const tokens = part(page, 'API tokens');
  await tokens.getByText('Make a token').click();
  await tokens.getByLabel('Name').fill('ci');
  await tokens.getByLabel('Days until it ends').fill('7');
  await tokens.getByRole('button', { name: 'Make the token' }).click();
  await row(tokens, 'ci').getByText(/in [67]d/).waitFor();
  const token = await tokens.locator('.secret pre').innerText();
  assert.match(token, /^mk8s_pat_/);
  assert.equal((await api(page, 'GET', '/auth/me', token)).status(), 200);
  await row(tokens, 'ci').getByRole('button', { name: 'Revoke' }).click();
  await confirm(page, 'Revoke');
  await row(tokens, 'ci').waitFor({ state: 'detached' });
  assert.equal((await api(page, 'GET', '/auth/me', token)).status(), 401);
  expectNoTrouble();
});

test('sessions are listed, and others than this one can be ended', async () => {
  const page = await tab(setup.viewer);
  const session = (id, agent, current) => ({
    id, user_agent: agent, current, source_ip: '192.0.2.1',
    created_at: '2026-01-02T15:04:05Z', refreshed_at: '2026-01-02T15:04:05Z', expires_at: '2036-01-02T15:04:05Z',
  });
  const sessions = [session('one', 'this browser', true), session('two', 'another one', false)];
  await page.route('**/auth/sessions', (route) => route.fulfill({ json: { sessions } }));
  await page.route('**/auth/sessions/two', (route) => {
    assert.equal(route.request().method(), 'DELETE');
    sessions.pop();
    return route.fulfill({ status: 204 });
  });
  await go(page, '#/clusters', 'Clusters');
  await go(page, '#/account', 'My account');
  const part7 = part(page, 'Sessions');
  await row(part7, 'this browser').getByText('this session').waitFor();
  assert.equal(await row(part7, 'this browser').getByRole('button').count(), 0);
  await row(part7, 'another one').getByRole('button', { name: 'End' }).click();
  await confirm(page, 'End');
  await row(part7, 'another one').waitFor({ state: 'detached' });
  await page.unrouteAll();
  expectNoTrouble();
});

test('the password is changed, and the other sessions end', async () => {
  const page = await (await context()).newPage();
  await go(page, '#/account', 'Log in');
  await logIn(page, setup.changer);
  await titled(page, 'My account');
  const password = part(page, 'Password');
  const next = 'another long password';
  const change = async (current, repeated) => {
    await password.getByLabel('Current password').fill(current);
    await password.getByLabel('New password').fill(next);
    await password.getByLabel('Repeat it').fill(repeated);
    await password.getByRole('button', { name: 'Change the password' }).click();
  };
  await change(setup.changer.password, 'something else');
  await password.getByText('The new passwords are not the same.').waitFor();
  await change('not the password', next);
  await password.getByRole('alert').getByText(/Request/).waitFor();
  await change(setup.changer.password, next);
  await password.getByText('The password is changed').waitFor();
  assert.equal(await password.getByLabel('New password').inputValue(), '');
  assert.equal((await api(page, 'POST', '/auth/login', null, { ...setup.changer, password: next })).status(), 200);
  expectNoTrouble();
});
