// What a customer does at an app and at `oidc-provider`.

import assert from 'node:assert/strict';

import { Agent } from './browser.mjs';

// How the app is registered at the provider.
export function registration(app) {
  return {
    client_id: 'brand',
    redirect_uris: [`${app.url}/callback`],
    post_logout_redirect_uris: [app.url],
    backchannel_logout_uri: `${app.url}/backchannel-logout`,
  };
}

// Signs a customer in to an app through the provider's own pages.
export async function signIn(app, customer) {
  const agent = new Agent();
  const page = await atLogin(agent, await agent.visit(`${app.url}/login`), customer);
  assert.ok(page.url.startsWith(app.url), `ended at ${page.url}: ${page.text.slice(0, 300)}`);
  return agent;
}

// From the provider's login page to where it sends the customer.
export async function atLogin(agent, first, customer) {
  assert.match(first.url, /\/interaction\//, `the login page: ${first.status} ${first.text.slice(0, 300)}`);
  let page = await agent.submit(first, { login: customer, password: 'x' });
  for (let steps = 0; steps < 3 && /\/interaction\//.test(page.url); steps += 1) page = await agent.submit(page);
  return page;
}

export async function me(agent, app) {
  const response = await agent.request(`${app.url}/me`);
  return { status: response.status, body: response.status === 200 ? await response.json() : undefined };
}

// RP-initiated logout at the provider: it ends its session and tells every client by itself.
export async function endSession(agent, op) {
  const page = await agent.visit(`${op.issuer}/session/end`);
  const done = await agent.submit(page, { logout: 'yes' });
  assert.equal(done.status, 200, done.text);
}
