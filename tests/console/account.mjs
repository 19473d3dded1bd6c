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

/** Logs in somewhere else, as a client that calls itself so; the tokens. */
async function logInElsewhere(page, who, client) {
  const options = { method: 'POST', headers: { 'user-agent': client }, data: { email: who.email, password: who.password } };
  return (await page.request.fetch(`${setup.url}/auth/login`, options)).json();
}

/** Ends the session of this client in the table, and sees that it is worth nothing any more. */
async function endSession(page, client, tokens) {
  const place = part(page, 'Sessions');
  await row(place, client).getByRole('button', { name: 'End' }).click();
  await confirm(page, 'End');
  await row(place, client).waitFor({ state: 'detached' });
  assert.equal((await api(page, 'GET', '/auth/me', tokens.access_token)).status(), 401);
  assert.equal((await api(page, 'POST', '/auth/refresh', null, { refresh_token: tokens.refresh_token })).status(), 401);
}

test('sessions are listed, and others than this one can be ended', async () => {
  const page = await tab(setup.viewer);
  const tokens = await logInElsewhere(page, setup.viewer, 'lost-laptop/1.0');
  await go(page, '#/clusters', 'Clusters');
  await go(page, '#/account', 'My account');
  const own = part(page, 'Sessions').getByRole('row').filter({ hasText: 'this session' });
  await own.waitFor();
  assert.equal(await own.getByRole('button').count(), 0);
  await endSession(page, 'lost-laptop/1.0', tokens);
  await own.waitFor();
  expectNoTrouble();
});

test('an admin ends a session of a user', async () => {
  const page = await tab(setup.admin);
  const tokens = await logInElsewhere(page, setup.viewer, 'stolen-laptop/1.0');
  await go(page, '#/clusters', 'Clusters');
  await go(page, `#/users/${encodeURIComponent(setup.viewer.email)}`, setup.viewer.email);
  await endSession(page, 'stolen-laptop/1.0', tokens);
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
