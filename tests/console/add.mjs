// Page 4: add a cluster.

import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { expectNoTrouble, go, setup, tab, titled } from './browser.mjs';

test('a cluster is added, its agent starts with the token that is shown, and the page says so', async () => {
  const page = await tab(setup.admin);
  await go(page, '#/add', 'Add a cluster');
  await page.getByLabel('Name').fill('dev');
  await page.getByRole('button', { name: 'Add the cluster' }).click();
  await page.getByRole('alert').getByText(/there is a cluster "dev" already/).waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'dev', 'what was typed stays');
  await page.getByLabel('Name').fill(setup.added);
  await page.getByLabel('Labels').fill('env=new');
  await page.getByRole('button', { name: 'Add the cluster' }).click();
  await titled(page, `Add ${setup.added}`);
  await page.getByText('Waiting for the agent…').waitFor();
  const [token, keep, run, helm] = await page.locator('pre').allInnerTexts();
  assert.match(token, /^mk8s_agent_/);
  assert.equal(keep, `(umask 077; cat > ${setup.added}.token)`);
  assert.match(run, new RegExp(`^mk8s serve agent --central ${setup.url} --token-file ${setup.added}.token --ca-pin sha256:[0-9a-f]{64}$`));
  assert.match(helm, /helm install mk8s-agent .* --set central\.url=\S+ --set central\.caPin=sha256:\S+ --set token\.existingSecret=mk8s-agent-token$/);
  assert.ok(!`${keep}${run}${helm}`.includes(token), 'the token is in no command');
  // tests/it/console.rs waits for this file, and starts an agent with it.
  await writeFile(`${setup.tokenFile}.partial`, token);
  await rename(`${setup.tokenFile}.partial`, setup.tokenFile);
  await page.getByText('The agent is connected.').waitFor();
  await page.getByRole('link', { name: `To the cluster ${setup.added}` }).click();
  await titled(page, setup.added);
  await page.getByText('online', { exact: true }).waitFor();
  expectNoTrouble();
});
