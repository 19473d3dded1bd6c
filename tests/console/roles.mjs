// Page 6, roles: in words, made, changed, deleted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirm, expectNoTrouble, go, part, setup, tab, titled } from './browser.mjs';

test('a role is made, shown in words, changed, and deleted', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/new-role', 'Make a role');
  const text = page.getByLabel('Role', { exact: true });
  const permission = { clusters: ['dev-*'], namespaces: ['app-*'], resources: ['pods'], verbs: ['gett'] };
  const spec = (verbs) => JSON.stringify({ name: 'team', description: 'the apps', permissions: [{ ...permission, verbs }], deny: [] });
  await text.fill('{');
  await page.getByRole('button', { name: 'Save the role' }).click();
  await page.getByRole('alert').getByText(/not JSON/).waitFor();
  await text.fill(spec(['gett']));
  await page.getByRole('button', { name: 'Save the role' }).click();
  await page.getByRole('alert').getByText(/permissions\[0\]\.verbs\[0\].*did you mean "get"/).waitFor();
  assert.equal(await text.inputValue(), spec(['gett']), 'what was typed stays');
  await text.fill(spec(['get', 'logs']));
  await page.getByRole('button', { name: 'Save the role' }).click();
  await titled(page, 'Users and roles');

  const team = part(page, 'Roles').locator('details').filter({ hasText: /^team/ });
  await team.locator('summary').click();
  await team.getByText('get, logs on pods in the namespaces app-* of the clusters dev-*').waitFor();
  await team.getByText('Who has it: nobody').waitFor();
  const viewer = part(page, 'Roles').locator('details').filter({ hasText: /^viewer/ });
  await viewer.locator('summary').click();
  await viewer.getByRole('link', { name: setup.viewer.email }).waitFor();

  await team.getByRole('link', { name: 'Change' }).click();
  await titled(page, 'Role team');
  await page.getByLabel('Role', { exact: true }).fill(spec(['*']));
  await page.getByRole('button', { name: 'Save the role' }).click();
  await titled(page, 'Users and roles');
  await go(page, '#/roles/team', 'Role team');
  await page.getByText('everything on pods').waitFor();
  await page.getByRole('button', { name: 'Delete the role' }).click();
  await confirm(page, 'Delete', 'team');
  await titled(page, 'Users and roles');
  await part(page, 'Roles').getByText('viewer').first().waitFor();
  assert.equal(await part(page, 'Roles').locator('summary', { hasText: 'team' }).count(), 0);
  await go(page, '#/roles/viewer', 'Role viewer');
  await page.getByLabel('Role', { exact: true }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Delete the role' }).count(), 0, 'a built-in role has no button to delete it');
  expectNoTrouble();
});
