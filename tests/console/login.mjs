// Page 1: log in.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, expectNoTrouble, go, logIn, setup, stored, titled } from './browser.mjs';

test('a wrong password is refused with the reason, and what was typed stays', async () => {
  const page = await (await context()).newPage();
  await go(page, '', 'Log in');
  await logIn(page, { ...setup.viewer, password: 'not the password' });
  const alert = page.getByRole('alert');
  await alert.getByText(/email|password/i).first().waitFor();
  assert.match(await alert.innerText(), /Request [0-9a-f-]{36}/);
  assert.equal(await page.getByLabel('Email').inputValue(), setup.viewer.email);
  assert.equal(await page.getByLabel('Password').inputValue(), 'not the password');
  assert.equal(await stored(page), null);
  assert.equal(await page.getByRole('navigation').count(), 0);
  expectNoTrouble();
});

test('the page that was asked for comes after the login', async () => {
  const page = await (await context()).newPage();
  await go(page, '#/clusters/dev', 'Log in');
  await logIn(page, setup.viewer);
  await titled(page, 'dev');
  expectNoTrouble();
});

test('the keyboard is enough to log in and to open a cluster', async () => {
  const page = await (await context()).newPage();
  await go(page, '', 'Log in');
  await page.keyboard.type(setup.viewer.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(setup.viewer.password);
  await page.keyboard.press('Enter');
  await titled(page, 'Clusters');
  await page.getByRole('link', { name: 'dev', exact: true }).waitFor();
  const here = () => page.evaluate(() => document.activeElement.textContent);
  for (let tabs = 0; await here() !== 'dev'; tabs += 1) {
    assert.ok(tabs < 30, 'the cluster cannot be reached with the tabulator');
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', `the focus cannot be seen on ${await here()}`);
  }
  await page.keyboard.press('Enter');
  await titled(page, 'dev');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'the focus goes along');
  expectNoTrouble();
});

test('under another name the console says what is wrong', async () => {
  const page = await (await context()).newPage();
  await page.goto(`${setup.url.replace('localhost', '127.0.0.1')}/console/`);
  await logIn(page, setup.viewer);
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /of another origin are refused: the address of this central is localhost:\d+/);
  assert.match(await alert.innerText(), /opened as https:\/\/127\.0\.0\.1/);
});

test('without central the console says so, and tries again', async () => {
  const page = await (await context()).newPage();
  await go(page, '', 'Log in');
  await page.route('**/auth/login', (route) => route.abort());
  await logIn(page, setup.viewer);
  await page.getByRole('alert').getByText(/cannot be reached/).waitFor();
  await page.unroute('**/auth/login');
  await page.getByRole('button', { name: 'Log in' }).click();
  await titled(page, 'Clusters');
  await page.route('**/auth/roles', (route) => route.abort());
  await go(page, '#/account', 'My account');
  await page.getByText(/cannot be reached/).waitFor();
  await page.unroute('**/auth/roles');
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await page.locator('summary', { hasText: 'viewer' }).waitFor();
});
