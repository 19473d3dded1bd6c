// Page 5: the audit log.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { expectNoTrouble, go, setup, tab } from './browser.mjs';

test('the log shows what was done, filters it, goes on, and opens a record', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/audit', 'Audit');
  const rows = page.locator('tbody tr:not(.all)');
  await page.getByRole('button', { name: 'More' }).waitFor();
  assert.equal(await rows.count(), 100);
  await page.getByRole('button', { name: 'More' }).click();
  await rows.nth(100).waitFor();

  await page.getByLabel('User').fill(setup.viewer.email);
  await page.getByLabel('Decision').selectOption('denied');
  await page.getByLabel('Since').selectOption('24');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.waitForURL(/#\/audit\?user=.*decision=denied/);
  await rows.first().waitFor();
  for (const text of await rows.allInnerTexts()) assert.match(text, new RegExp(`${setup.viewer.email}[^]*denied`));
  assert.equal(await page.getByLabel('User').inputValue(), setup.viewer.email, 'the filter stays');

  await go(page, '#/audit?verb=delete', 'Audit');
  const deed = rows.filter({ hasText: '/admin/clusters/ghost' }).filter({ hasNotText: 'tokens' });
  await deed.getByRole('button').click();
  const all = page.locator('tr.all:not([hidden])');
  await all.getByText('source_ip').waitFor();
  assert.match(await all.innerText(), /admin@localhost[^]*\/admin\/clusters\/ghost/);
  assert.equal(await deed.getByRole('button').getAttribute('aria-expanded'), 'true');
  expectNoTrouble();
});

test('the export has the records of the filter, one a line', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/audit?verb=delete', 'Audit');
  const [download] = await Promise.all([
    page.waitForEvent('download'), page.getByRole('button', { name: 'Export as JSON Lines' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'mk8s-audit.jsonl');
  const text = await readFile(await download.path(), 'utf8');
  const records = text.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(records.length >= 4 && records.every((record) => record.verb === 'delete'), text);
  await page.getByText(`${records.length} records are exported.`).waitFor();
  expectNoTrouble();
});
