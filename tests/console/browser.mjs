// What the checks share: one browser, tabs that are watched, and words for what people do in them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after } from 'node:test';

/** What tests/it/console.rs has started. */
export const setup = JSON.parse(process.env.MK8S_CONSOLE);
export const packages = createRequire(`${setup.modules}/package.json`);
const { chromium } = packages('playwright-core');

/** How long anything may take; far more than it does. */
export const PATIENCE = setup.patience ?? 60_000;

const browser = await chromium.launch({ executablePath: setup.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
after(() => browser.close());

/** All that went wrong in a tab, but for answers that a check wants to be failures. */
const troubles = [];
/** Every address that a tab has asked for. */
export const asked = [];

/** Windows that share nothing with others. */
export async function context(options = {}) {
  const made = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, ...options });
  made.setDefaultTimeout(PATIENCE);
  made.on('request', (request) => asked.push(request.url()));
  made.on('page', (page) => {
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) troubles.push(message.text());
    });
  });
  return made;
}

/** Expects that nothing went wrong in any tab so far. */
export const expectNoTrouble = () => assert.deepEqual(troubles.splice(0), []);
/** What went wrong since then, for checks that want something to. */
export const takeTroubles = () => troubles.splice(0);

/** Waits for the page with this title. */
export const titled = (page, title) => page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();

/** Goes to a page of the console. */
export async function go(page, hash, title) {
  await page.goto(`${setup.url}/console/${hash}`);
  await titled(page, title);
}

/** Fills in the form to log in, and sends it. */
export async function logIn(page, { email, password }) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** A tab in which somebody has logged in. */
export async function tabOf(who, options) {
  const page = await (await context(options)).newPage();
  await go(page, '', 'Log in');
  await logIn(page, who);
  await titled(page, 'Clusters');
  return page;
}

const tabs = new Map();
/** The one tab of somebody that most checks use; a password hash takes its time. */
export async function tab(who) {
  if (!tabs.has(who)) tabs.set(who, await tabOf(who));
  return tabs.get(who);
}

/** A section of the page, by its heading. */
export const part = (page, title) => page.locator('section').filter({ has: page.getByRole('heading', { level: 2, name: title, exact: true }) });

/** The row of a table that has this text in a cell. */
export function row(place, text) {
  const page = place.page?.() ?? place;
  return place.getByRole('row').filter({ has: page.getByText(text, { exact: true }) });
}

/** Says yes in the dialog that is open, after typing what it wants. */
export async function confirm(page, action, typed) {
  const dialog = page.getByRole('dialog');
  if (typed) await dialog.getByRole('textbox').fill(typed);
  await dialog.getByRole('button', { name: action, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** A request without the console. */
export async function api(page, method, path, token, data) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return page.request.fetch(`${setup.url}${path}`, { method, headers, data });
}

/** The access token that a tab shows with its next request. */
export async function accessToken(page, cause) {
  const [request] = await Promise.all([page.waitForRequest((r) => r.headers().authorization !== undefined), cause()]);
  return request.headers().authorization.split(' ')[1];
}

export const stored = (page) => page.evaluate(() => sessionStorage.getItem('mk8s.refresh'));
