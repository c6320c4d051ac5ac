// A headless Chromium, and pages that report whatever a developer would see in red.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

export async function launch() {
  const dumps = mkdtempSync(join(tmpdir(), 'browser-'));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--crash-dumps-dir=${dumps}`,
    ],
  });
  const problems = [];
  return {
    problems,
    newContext: (options) => browser.newContext(options),
    async open(context, url) {
      const page = await context.newPage();
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) problems.push(`${page.url()} ${message.text()}`);
      });
      page.on('pageerror', (error) => problems.push(`${page.url()} ${error}`));
      await page.goto(url);
      return page;
    },
    async close() {
      await browser.close();
      rmSync(dumps, { recursive: true, force: true });
    },
  };
}
