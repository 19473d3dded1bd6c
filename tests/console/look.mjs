// Every page: for those who do not see it, in both schemes of colours, and on a narrow screen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, expectNoTrouble, go, packages, setup, tab } from './browser.mjs';

const axe = packages('axe-core').source;
const viewer = encodeURIComponent(setup.viewer.email);
const PAGES = [
  ['clusters', '#/clusters', 'Clusters'], ['cluster', '#/clusters/dev', 'dev'], ['add', '#/add', 'Add a cluster'],
  ['audit', '#/audit', 'Audit'], ['users', '#/users', 'Users and roles'], ['user', `#/users/${viewer}`, setup.viewer.email],
  ['role', '#/roles/developer', 'Role developer'], ['account', '#/account', 'My account'], ['none', '#/none', 'No such page'],
];

async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('main').innerText.includes('Loading…'));
}

const unfold = (page) => page.evaluate(() => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});

async function expectAccessible(page, name) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document));
  const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  assert.deepEqual(bad.map(({ id, nodes }) => [name, id, nodes.map((node) => node.html)]), []);
  assert.ok(passes.some(({ id }) => id === 'color-contrast'), 'contrast was looked at');
}

async function picture(page, name) {
  if (setup.pictures) await page.screenshot({ path: `${setup.pictures}/${name}.png`, fullPage: true });
}

async function expectNoSidewaysScroll(page, name) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${name} is ${content} wide in a window of ${window}`);
}

for (const scheme of ['light', 'dark']) {
  test(`every page can be read by all, ${scheme}`, async () => {
    const out = await (await context({ colorScheme: scheme })).newPage();
    await go(out, '', 'Log in');
    await expectAccessible(out, 'login');
    await picture(out, `login-${scheme}`);
    const page = await tab(setup.admin);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    for (const [name, hash, title] of PAGES) {
      await go(page, hash, title);
      await settled(page);
      await unfold(page);
      await expectAccessible(page, `${name}, ${scheme}`);
      await picture(page, `${name}-${scheme}`);
    }
    await go(page, '#/clusters/dev', 'dev');
    await page.getByRole('button', { name: 'Remove the cluster' }).click();
    await expectAccessible(page, `a question, ${scheme}`);
    await picture(page, `question-${scheme}`);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Remove the cluster', 'the focus comes back');
    expectNoTrouble();
  });
}

test('on 360 pixels nothing scrolls sideways', async () => {
  const out = await (await context({ viewport: { width: 360, height: 740 } })).newPage();
  await go(out, '', 'Log in');
  await expectNoSidewaysScroll(out, 'login');
  await picture(out, 'login-narrow');
  const page = await tab(setup.admin);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
  await page.setViewportSize({ width: 360, height: 740 });
  for (const [name, hash, title] of PAGES) {
    await go(page, hash, title);
    await settled(page);
    await unfold(page);
    await expectNoSidewaysScroll(page, name);
    await picture(page, `${name}-narrow`);
  }
  await expectAccessible(page, 'narrow');
  await page.setViewportSize({ width: 1280, height: 900 });
  expectNoTrouble();
});
