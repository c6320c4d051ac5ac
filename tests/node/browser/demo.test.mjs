// The demo in a real headless browser: two brands, the console, two customers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertAccessible } from '../lib/accessible.mjs';
import { run } from '../lib/app.mjs';
import { launch } from '../lib/chromium.mjs';

let demo;
let browser;
let urls;

before(async () => {
  demo = await run('demo', [], (text) => {
    const found = [...text.matchAll(/http:\/\/127\.0\.0\.1:\d+(?=\s)/g)].map(([url]) => url);
    return found.length >= 3 ? { axum: found[0], hyper: found[1], console: found[2] } : undefined;
  });
  urls = demo.found;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const open = (context, url) => browser.open(context, url);

async function signIn(page, customer) {
  await page.getByRole('link', { name: /sign in/i }).first().click();
  // The second application joins the provider's session and asks nothing.
  if (page.url().includes('/authorize')) {
    await page.getByRole('button', { name: new RegExp(customer, 'i') }).first().click();
  }
  await page.waitForSelector('#app[data-state="in"]');
}

const state = (page) => page.locator('#app').getAttribute('data-state');

// Both pages flip without a reload, and so fast.
async function signedOutWithin(pages, limit) {
  const started = Date.now();
  const left = () => Math.max(1, limit - (Date.now() - started));
  for (const page of pages) await page.waitForSelector('#app[data-state="out"]', { timeout: left() });
  return Date.now() - started;
}

async function two(customer) {
  const context = await browser.newContext();
  const pages = [await open(context, urls.axum), await open(context, urls.hyper)];
  for (const page of pages) await signIn(page, customer);
  // A reload would forget this.
  for (const page of pages) await page.evaluate(() => { window.sameDocument = true; });
  return { context, pages };
}

async function assertStill(pages, wanted) {
  for (const page of pages) {
    assert.equal(await state(page), wanted);
    assert.equal(await page.evaluate(() => window.sameDocument), true, 'the page was not reloaded');
  }
}

test('clearing a customer in the console signs out both pages within a second, and nobody else', async () => {
  const maya = await two('Maya');
  const jonas = await two('Jonas');
  const admin = await open(await browser.newContext(), urls.console);
  const button = admin.getByRole('button', { name: /clear.*maya|maya.*clear/i });
  await button.focus();
  await admin.keyboard.press('Enter');
  const took = await signedOutWithin(maya.pages, 1000);
  assert.ok(took <= 1000, `${took} ms`);
  await assertStill(maya.pages, 'out');
  await assertStill(jonas.pages, 'in');
  // The console shows the deliveries, live.
  await admin.waitForFunction(() => document.querySelector('#deliveries').innerText.match(/\b200\b/g)?.length === 2);
  for (const page of maya.pages) {
    await page.reload();
    assert.equal(await state(page), 'out', 'also after a reload');
  }
  for (const page of jonas.pages) {
    await page.reload();
    assert.equal(await state(page), 'in', 'also after a reload');
  }
  await maya.context.close();
  await jonas.context.close();
});

test('the DELETE endpoint of the story does the same', async () => {
  const maya = await two('Maya');
  const jonas = await two('Jonas');
  const path = '/admin/api/v1/identityStores/customers/accounts/maya/sessions';
  const answer = await fetch(`${urls.console}${path}`, { method: 'DELETE' });
  assert.ok(answer.ok, `${answer.status}`);
  await signedOutWithin(maya.pages, 1000);
  await assertStill(maya.pages, 'out');
  await assertStill(jonas.pages, 'in');
  await maya.context.close();
  await jonas.context.close();
});

test('a local sign-out ends that application alone', async () => {
  const maya = await two('Maya');
  const [one, other] = maya.pages;
  await one.getByRole('button', { name: /sign out/i }).first().click();
  await one.waitForSelector('#app[data-state="out"]');
  assert.equal(await state(other), 'in');
  await maya.context.close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`the pages are readable by screen reader and eye, ${colorScheme}`, async () => {
    const context = await browser.newContext({ colorScheme });
    const admin = await open(context, urls.console);
    const page = await open(context, urls.axum);
    await assertAccessible(admin);
    await assertAccessible(page);
    await page.getByRole('link', { name: /sign in/i }).first().click();
    await assertAccessible(page);
    await page.getByRole('button', { name: /Priya/i }).first().click();
    await page.waitForSelector('#app[data-state="in"]');
    await assertAccessible(page);
    await page.getByRole('link', { name: /everywhere/i }).click();
    await assertAccessible(page);
    await page.goBack();
    await admin.getByRole('button', { name: /clear.*priya/i }).click();
    await page.waitForSelector('#app[data-state="out"]');
    await assertAccessible(page);
    await admin.waitForFunction(() => document.querySelector('#deliveries').innerText.includes('200'));
    await assertAccessible(admin);
    await context.close();
  });
}

// What a screen reader says of itself.
const said = (page) => page.locator('#news').textContent();

// Tabs until the focus is on what is looked for.
async function tabTo(page, name) {
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    if (await focused.count() && name.test(await focused.textContent())) {
      const outline = await focused.evaluate((element) => getComputedStyle(element).outlineStyle);
      assert.notEqual(outline, 'none', 'the focus can be seen');
      return;
    }
  }
  assert.fail(`the keyboard does not reach ${name}`);
}

test('the keyboard is enough, and what changes by itself is said', async () => {
  const page = await open(await browser.newContext(), urls.axum);
  const admin = await open(await browser.newContext(), urls.console);
  await tabTo(page, /^sign in$/i);
  await page.keyboard.press('Enter');
  await page.waitForURL(/authorize/);
  await tabTo(page, /Priya/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#app[data-state="in"]');
  await tabTo(page, /sign out of/i);
  assert.equal(await said(page), '');

  await admin.waitForSelector('#sessions-priya .sid');
  await tabTo(admin, /clear sessions of priya/i);
  await admin.keyboard.press('Enter');
  await page.waitForSelector('#app[data-state="out"]');
  assert.match(await said(page), /signed out/);
  // The button that had the focus is gone; the focus is on the news and not lost.
  assert.equal(await page.locator(':focus').innerText(), 'You are signed out');
  await admin.waitForFunction(() => document.querySelector('#news').textContent.includes('answered 200'));
  await admin.keyboard.press('Enter');
  await admin.waitForFunction(() => document.querySelector('#news').textContent.includes('no sessions'));

  await tabTo(page, /^sign in$/i);
  await page.keyboard.press('Enter');
  await page.waitForURL(/authorize/);
});

test('no page is wider than a narrow screen, and nothing moves for those who do not want it', async () => {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' });
  const page = await open(context, urls.hyper);
  const admin = await open(context, urls.console);
  const check = async (what) => {
    const { wider, moving } = await what.evaluate(() => ({
      wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      moving: document.getAnimations().length,
    }));
    assert.deepEqual([wider, moving], [0, 0], what.url());
  };
  await check(page);
  await page.getByRole('link', { name: /sign in/i }).first().click();
  await check(page);
  await page.getByRole('button', { name: /Jonas/i }).first().click();
  await page.waitForSelector('#app[data-state="in"]');
  await check(page);
  await admin.waitForSelector('#sessions-jonas .sid');
  await check(admin);
  await admin.getByRole('button', { name: /clear.*jonas/i }).click();
  await page.waitForSelector('#app[data-state="out"]');
  await admin.waitForFunction(() => document.querySelector('#deliveries').innerText.includes('200'));
  await check(page);
  await check(admin);
  await context.close();
});

test('nothing was printed in red on any console', () => {
  assert.deepEqual(browser.problems, []);
});
