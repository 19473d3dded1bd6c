// Page 6, users: make, change, disable, delete, and who can do what.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, confirm, context, expectNoTrouble, go, logIn, part, row, setup, tab, titled } from './browser.mjs';

const BOB = 'bob@example.com';

test('a user is made, logs in with the password that is shown, and gets other roles', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/users', 'Users and roles');
  const users = part(page, 'Users');
  await users.getByText('Make a user').click();
  await users.getByLabel('Email').fill(BOB);
  await users.getByLabel('viewer').check();
  await users.getByRole('button', { name: 'Make the user' }).click();
  await row(page, BOB).waitFor();
  const secret = users.locator('.secret pre');
  const password = await secret.innerText();
  const other = await (await context()).newPage();
  await go(other, '', 'Log in');
  await logIn(other, { email: BOB, password });
  await titled(other, 'Clusters');

  await page.getByRole('link', { name: BOB }).first().click();
  await titled(page, BOB);
  assert.equal(await page.locator('pre').count(), 0, 'the password is shown once');
  await part(page, 'Roles').getByLabel('developer').check();
  await part(page, 'Roles').getByLabel('viewer').uncheck();
  await part(page, 'Roles').getByRole('button', { name: 'Save roles' }).click();
  await page.getByText('The roles are saved.').waitFor();
  await go(page, '#/users', 'Users and roles');
  await row(page, BOB).getByText('developer').waitFor();
  expectNoTrouble();
});

test('who can do what is asked for any user', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/users', 'Users and roles');
  const ask = part(page, 'Who can do what');
  await ask.getByLabel('User').selectOption(setup.viewer.email);
  await ask.getByLabel('Cluster').selectOption('dev');
  await ask.getByLabel('Verb').fill('delete');
  await ask.getByLabel('Resource').fill('pods');
  await ask.getByLabel('Namespace').fill('default');
  await ask.getByRole('button', { name: 'Ask' }).click();
  await ask.getByText('no', { exact: true }).waitFor();
  await ask.getByLabel('Verb').fill('list');
  await ask.getByRole('button', { name: 'Ask' }).click();
  await ask.getByText(/the role "viewer" permits it/).waitFor();
  expectNoTrouble();
});

test('a user is disabled, enabled, and deleted; its tokens are revoked', async () => {
  const page = await tab(setup.admin);
  await go(page, `#/users/${encodeURIComponent(setup.viewer.email)}`, setup.viewer.email);
  const tokens = part(page, 'API tokens');
  await row(tokens, 'of the viewer').getByRole('button', { name: 'Revoke' }).click();
  await confirm(page, 'Revoke');
  await tokens.getByText('There is no valid token.').waitFor();

  await go(page, `#/users/${encodeURIComponent(BOB)}`, BOB);
  await page.getByRole('button', { name: 'Disable' }).click();
  await confirm(page, 'Disable');
  await part(page, 'State').getByText('disabled', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Enable' }).click();
  await part(page, 'State').getByText('enabled', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Delete the user' }).click();
  await confirm(page, 'Delete', BOB);
  await titled(page, 'Users and roles');
  await row(page, setup.viewer.email).waitFor();
  assert.equal(await row(page, BOB).count(), 0);
  expectNoTrouble();
});

test('the last admin stays, and the console says why', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/users/admin%40localhost', 'admin@localhost');
  await page.getByRole('button', { name: 'Disable' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Disable' }).click();
  await dialog.getByRole('alert').getByText(/last|admin/).waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await api(page, 'GET', '/health')).status(), 200);
  expectNoTrouble();
});
