// The WebSocket of an ended session, seen from the page: it closes by itself, and the other device's stays.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { assertAccessible } from '../lib/accessible.mjs';
import { start } from '../lib/app.mjs';
import { launch } from '../lib/chromium.mjs';

let app;
let browser;

before(async () => { browser = await launch(); });
after(() => browser?.close());
beforeEach(async () => { app = await start('websocket', ['--serve']); });
afterEach(() => app?.stop());

// A device of the customer, with a browser of its own.
async function device(sid) {
  const context = await browser.newContext();
  const page = await browser.open(context, app.url);
  await page.getByRole('link', { name: sid }).click();
  await page.waitForSelector('#socket[data-state="open"]');
  await page.waitForFunction(() => document.querySelector('#out').innerText.includes('events: open'));
  // A reload would forget this.
  await page.evaluate(() => { window.sameDocument = true; });
  return { context, page };
}

const out = (page) => page.locator('#out').innerText();

// What is sent comes back.
async function echoes(page, text) {
  await page.getByLabel('Say').fill(text);
  await page.keyboard.press('Enter');
  await page.waitForFunction((wanted) => document.querySelector('#out').innerText.includes(wanted), `socket: ${text}`);
}

const states = (pages) => Promise.all(pages.map((page) => page.locator('#socket').getAttribute('data-state')));

test('a logout token closes the WebSocket of its session within a second, and no other', async () => {
  const laptop = await device('laptop');
  const phone = await device('phone');
  await echoes(laptop.page, 'laptop is here');
  await echoes(phone.page, 'phone is here');
  const closed = laptop.page.waitForSelector('#socket[data-state="closed"]', { timeout: 1000 });

  // The provider posts a logout token with the `sid` of the laptop.
  const told = await fetch(`${app.url}/op/clear?sid=laptop`, { method: 'POST', redirect: 'manual' });
  assert.equal(told.status, 303);

  await closed;
  await laptop.page.waitForFunction(() => document.querySelector('#out').innerText.includes('events: logged out'), null, { timeout: 1000 });
  assert.equal(await laptop.page.evaluate(() => window.sameDocument), true, 'the page was not reloaded');
  assert.equal((await laptop.context.request.get(`${app.url}/events`)).status(), 401);
  assert.equal((await laptop.context.request.get(`${app.url}/ws`)).status(), 401);

  assert.deepEqual(await states([laptop.page, phone.page]), ['closed', 'open']);
  await echoes(phone.page, 'phone is still here');
  assert.doesNotMatch(await out(phone.page), /closed|broken off|logged out/);
  assert.equal(await phone.page.evaluate(() => window.sameDocument), true);
  await laptop.context.close();
  await phone.context.close();
});

test('the button of the page does the same, and logging in again opens another WebSocket', async () => {
  const laptop = await device('laptop');
  const phone = await device('phone');
  const button = laptop.page.getByRole('button', { name: "clear the phone's session" });
  await button.focus();
  await laptop.page.keyboard.press('Enter');
  await phone.page.waitForSelector('#socket[data-state="closed"]', { timeout: 1000 });
  assert.deepEqual(await states([laptop.page, phone.page]), ['open', 'closed']);
  await phone.page.getByRole('link', { name: 'laptop' }).click();
  await phone.page.waitForSelector('#socket[data-state="open"]');
  await echoes(phone.page, 'back again');
  await laptop.context.close();
  await phone.context.close();
});

test('the page is readable by keyboard and screen reader', async () => {
  const { context, page } = await device('laptop');
  await assertAccessible(page);
  await context.close();
});

test('the page of the stateless cookie is readable, and says what the guard says', async () => {
  const stateless = await start('stateless_cookie', ['--serve']);
  try {
    // Not watched for red: a browser prints each 401.
    const page = await (await browser.newContext()).newPage();
    await page.goto(stateless.url);
    await assertAccessible(page);
    await page.getByRole('link', { name: 'laptop' }).click();
    await page.waitForFunction(() => document.querySelector('#me').textContent.startsWith('200'));
    await assertAccessible(page);
    await page.getByRole('button', { name: "clear the phone's session" }).click();
    await page.getByRole('button', { name: "clear the laptop's session" }).click();
    await page.waitForFunction(() => document.querySelector('#me').textContent.startsWith('401'));
  } finally {
    await stateless.stop();
  }
});

test('nothing was printed in red on the console', () => {
  assert.deepEqual(browser.problems, []);
});
