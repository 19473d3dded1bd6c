// The content security policy, as the browser enforces it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, go, setup, takeTroubles } from './browser.mjs';

test('no script but the own ones runs, no other place is asked, no text becomes markup', async () => {
  const page = await (await context()).newPage();
  await go(page, '', 'Log in');
  const result = await page.evaluate(async () => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.effectiveDirective));
    const attempt = async (work) => {
      try {
        await work();
        return 'done';
      } catch (error) {
        return error.name;
      }
    };
    const loaded = (element, attribute, value) => new Promise((resolve, reject) => {
      element.addEventListener('load', resolve);
      element.addEventListener('error', () => reject(new Error()));
      element.setAttribute(attribute, value);
      document.body.append(element);
    });
    return {
      fetch: await attempt(() => fetch('https://example.org/')),
      image: await attempt(() => loaded(document.createElement('img'), 'src', 'https://example.org/x.png')),
      style: await attempt(() => loaded(Object.assign(document.createElement('link'), { rel: 'stylesheet' }), 'href', 'https://example.org/x.css')),
      markup: await attempt(() => { document.body.innerHTML = '<b>x</b>'; }),
      policy: await attempt(() => window.trustedTypes.createPolicy('mine', { createHTML: (text) => text })),
      eval: await attempt(() => (0, eval)('1')),
    };
  });
  assert.deepEqual(result, {
    fetch: 'TypeError', image: 'Error', style: 'Error', markup: 'TypeError', policy: 'TypeError', eval: 'EvalError',
  });
  for (const directive of ['connect-src', 'img-src', 'style-src-elem', 'require-trusted-types-for']) {
    await page.waitForFunction((directive) => window.violations.includes(directive), directive);
  }
  takeTroubles();
});

test('a script that somebody has put into the document does not run', async () => {
  const page = await (await context()).newPage();
  await page.route('**/console/', async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace('</body>', '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1"></body>');
    return route.fulfill({ response, body });
  });
  await go(page, '', 'Log in');
  assert.equal(await page.locator('body > script').count(), 1);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.ok(takeTroubles().some((text) => /inline script/.test(text) && /script-src/.test(text)));
});

test('no page shows the console in a frame', async () => {
  const page = await (await context()).newPage();
  await page.route('https://elsewhere.example/', (route) => route.fulfill({
    contentType: 'text/html', body: `<iframe src="${setup.url}/console/"></iframe><a href="${setup.url}/">console</a>`,
  }));
  await page.goto('https://elsewhere.example/');
  const frame = await (await page.locator('iframe').elementHandle()).contentFrame();
  await frame.waitForLoadState();
  assert.equal(await frame.getByText('Log in').count(), 0);
  // A link on a page of somebody else does lead to it.
  await page.getByRole('link').click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  assert.equal(page.url(), `${setup.url}/console/`);
  takeTroubles();
});
