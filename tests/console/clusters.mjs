// Pages 2 and 3: all clusters, and one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirm, context, expectNoTrouble, go, logIn, part, row, setup, tab, titled } from './browser.mjs';

test('the list has each cluster with its state in words, and a filter', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/clusters', 'Clusters');
  await row(page, 'dev').getByText('online', { exact: true }).waitFor();
  const text = await row(page, 'dev').innerText();
  assert.match(text, /v1\.\d+\.\d+/, 'the version of Kubernetes');
  assert.match(text, /\d+s ago/, 'when it was last seen');
  assert.match(await row(page, 'ghost').innerText(), /offline[^]*never/);
  await page.getByLabel('Filter').fill('OFFLINE');
  await row(page, 'dev').waitFor({ state: 'detached' });
  assert.equal(await row(page, 'ghost').count(), 1);
  await page.getByLabel('Filter').fill('nothing like it');
  await page.getByText('No cluster matches the filter.').waitFor();
  expectNoTrouble();
});

test('the list is loaded again while it is seen, and not when the tab is hidden', async () => {
  const page = await (await context()).newPage();
  await page.clock.install();
  await go(page, '', 'Log in');
  await logIn(page, setup.viewer);
  await row(page, 'dev').waitFor();
  let loads = 0;
  page.on('request', (request) => { loads += request.url().endsWith('/clusters') ? 1 : 0; });
  for (let minute = 0; minute < 3; minute += 1) {
    await Promise.all([page.waitForResponse('**/clusters'), page.clock.runFor(10_500)]);
  }
  assert.ok(loads >= 3);
  await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
  loads = 0;
  await page.clock.runFor(600_000);
  assert.equal(loads, 0, 'a hidden tab asks for nothing');
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.waitForResponse('**/clusters');
  expectNoTrouble();
});

test('a cluster has its health, its commands and an answer to what one may', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/clusters/dev', 'dev');
  await part(page, 'Health').getByText('online', { exact: true }).waitFor();
  const commands = await part(page, 'Connect').locator('pre').allInnerTexts();
  assert.deepEqual(commands, [
    `mk8s login ${setup.url}`, 'mk8s clusters use dev', 'mk8s --cluster dev kubectl get pods', 'mk8s kubeconfig write dev',
  ]);
  const ask = part(page, 'May I?');
  await ask.getByLabel('Verb').fill('get');
  await ask.getByLabel('Resource').fill('pods');
  await ask.getByLabel('Namespace').fill('default');
  await ask.getByRole('button', { name: 'Ask' }).click();
  await ask.getByText(/yes the role "admin" permits it/).waitFor();
  await ask.getByLabel('Verb').fill('gett');
  await ask.getByRole('button', { name: 'Ask' }).click();
  await ask.getByRole('alert').getByText(/did you mean "get"/).waitFor();
  assert.equal(await ask.getByLabel('Verb').inputValue(), 'gett');
  expectNoTrouble();
});

test('commands are copied', async () => {
  const page = await tab(setup.admin);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await go(page, '#/clusters/dev', 'dev');
  await part(page, 'Connect').getByRole('button', { name: 'Copy' }).nth(1).click();
  await page.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'mk8s clusters use dev');
});

test('an address makes no command', async () => {
  const page = await tab(setup.admin);
  await page.goto(`${setup.url}/console/#/clusters/dev;reboot`);
  await titled(page, 'No such page');
  await go(page, '#/clusters/none', 'none');
  await page.getByRole('alert').getByText(/cluster/).waitFor();
  assert.equal(await page.locator('pre').count(), 0, 'no commands for a cluster that does not exist');
  assert.equal(await page.getByRole('button', { name: 'Remove the cluster' }).count(), 0);
  expectNoTrouble();
});

test('an admin gives labels, makes and revokes a token, and removes a cluster', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/clusters/ghost', 'ghost');
  const labels = part(page, 'Labels');
  await labels.getByLabel('Labels').fill('env=test, tier=web');
  await labels.getByRole('button', { name: 'Save labels' }).click();
  await part(page, 'Health').getByText('tier=web').waitFor();
  await labels.getByLabel('Labels').fill('env=test, b c=d');
  await labels.getByRole('button', { name: 'Save labels' }).click();
  await labels.getByRole('alert').getByText(/key of a label/).waitFor();
  assert.equal(await labels.getByLabel('Labels').inputValue(), 'env=test, b c=d');
  await labels.getByLabel('Labels').fill('env=test');
  await labels.getByRole('button', { name: 'Save labels' }).click();
  await part(page, 'Health').getByText('tier=web').waitFor({ state: 'detached' });

  const tokens = part(page, 'Agent tokens');
  await tokens.getByRole('button', { name: 'Make a token' }).click();
  await tokens.getByText(/^mk8s_agent_/).waitFor();
  const revoke = tokens.getByRole('button', { name: 'Revoke' });
  await revoke.nth(1).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await revoke.count(), 2, 'nothing was revoked');
  await revoke.nth(1).click();
  await confirm(page, 'Revoke');
  await revoke.nth(1).waitFor({ state: 'detached' });

  await page.getByRole('button', { name: 'Remove the cluster' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('gost');
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await dialog.getByText('Type ghost to confirm.').waitFor();
  await confirm(page, 'Remove', 'ghost');
  await titled(page, 'Clusters');
  await row(page, 'dev').waitFor();
  assert.equal(await row(page, 'ghost').count(), 0);
  expectNoTrouble();
});
