// The demo in a real headless browser: two brands, the console, two customers.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { run } from '../lib/app.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const profile = mkdtempSync(join(tmpdir(), 'demo-browser-'));

let demo;
let browser;
let urls;
const problems = [];

before(async () => {
  demo = await run('demo', [], (text) => {
    const found = [...text.matchAll(/http:\/\/127\.0\.0\.1:\d+(?=\s)/g)].map(([url]) => url);
    return found.length >= 3 ? { axum: found[0], hyper: found[1], console: found[2] } : undefined;
  });
  urls = demo.found;
  browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--crash-dumps-dir=${profile}`,
    ],
  });
});

after(async () => {
  await browser?.close();
  await demo?.stop();
  rmSync(profile, { recursive: true, force: true });
});

// A page that reports whatever a developer would see in red.
async function open(context, url) {
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`${page.url()} ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${page.url()} ${error}`));
  await page.goto(url);
  return page;
}

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

async function assertAccessible(page) {
  const violations = await page.evaluate(async (source) => {
    new Function(source)();
    const result = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'] });
    return result.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' | ')}`);
  }, axe);
  assert.deepEqual(violations, [], page.url());
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
  test(`the pages are readable by keyboard and screen reader, ${colorScheme}`, async () => {
    const context = await browser.newContext({ colorScheme });
    const admin = await open(context, urls.console);
    const page = await open(context, urls.axum);
    await assertAccessible(admin);
    await assertAccessible(page);
    await page.keyboard.press('Tab');
    assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), 'BODY', 'the focus moves');
    await page.getByRole('link', { name: /sign in/i }).first().click();
    await assertAccessible(page);
    await page.getByRole('button', { name: /Jonas/i }).first().click();
    await page.waitForSelector('#app[data-state="in"]');
    await assertAccessible(page);
    await context.close();
  });
}

test('nothing was printed in red on any console', () => {
  assert.deepEqual(problems, []);
});
