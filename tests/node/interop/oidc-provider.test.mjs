// The example apps against `oidc-provider`: login, the provider's own back-channel delivery, every algorithm it signs with.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { eventNames, start } from '../lib/app.mjs';
import { Agent } from '../lib/browser.mjs';
import { reserve } from '../lib/provider.mjs';

const running = [];
after(async () => {
  for (const thing of running) await thing.stop?.();
});

// One provider and one app that know each other.
async function pair(name, { alg = 'RS256', secret = 'a-secret-of-at-least-thirty-two-bytes!', client = {}, provider = {} } = {}) {
  const op = await reserve();
  const flags = ['--issuer', op.issuer, '--client-id', 'brand', '--listen', '127.0.0.1:0', '--alg', alg];
  if (secret) flags.push('--client-secret', secret);
  const app = await start(name, flags);
  running.push(app, { stop: () => op.close().catch(() => {}) });
  const own = { id_token_signed_response_alg: alg, ...(secret ? { client_secret: secret } : {}), ...client };
  const deliveries = op.serve([{ ...registration(app), ...own }], provider);
  return { op, app, deliveries };
}

// How the app is registered at the provider.
function registration(app) {
  return {
    client_id: 'brand',
    redirect_uris: [`${app.url}/callback`],
    post_logout_redirect_uris: [app.url],
    backchannel_logout_uri: `${app.url}/backchannel-logout`,
  };
}

// Signs a customer in through the provider's own pages.
async function signIn(app, customer) {
  const agent = new Agent();
  let page = await agent.visit(`${app.url}/login`);
  assert.match(page.url, /\/interaction\//, `the login page: ${page.status} ${page.text.slice(0, 300)}`);
  page = await agent.submit(page, { login: customer, password: 'x' });
  for (let steps = 0; steps < 3 && /\/interaction\//.test(page.url); steps += 1) page = await agent.submit(page);
  assert.ok(page.url.startsWith(app.url), `ended at ${page.url}: ${page.text.slice(0, 300)}`);
  return agent;
}

async function me(agent, app) {
  const response = await agent.request(`${app.url}/me`);
  return { status: response.status, body: response.status === 200 ? await response.json() : undefined };
}

// RP-initiated logout at the provider: it ends its session and tells every client by itself.
async function endSession(agent, op) {
  const page = await agent.visit(`${op.issuer}/session/end`);
  const done = await agent.submit(page, { logout: 'yes' });
  assert.equal(done.status, 200, done.text);
}

for (const name of ['axum_app', 'hyper_app']) {
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    test(`${name} is signed out by the provider's own delivery, ${alg}`, async () => {
      const { op, app, deliveries } = await pair(name, { alg });
      const alice = await signIn(app, 'alice');
      const bob = await signIn(app, 'bob');
      const before = await me(alice, app);
      assert.equal(before.status, 200);
      assert.equal(before.body.iss, op.issuer);
      assert.equal(before.body.sub, 'alice');
      assert.equal(typeof before.body.sid, 'string');
      const events = await alice.request(`${app.url}/events`);
      assert.equal(events.status, 200);
      assert.match(events.headers.get('content-type'), /^text\/event-stream/);
      const names = eventNames(events);

      await endSession(alice, op);

      assert.deepEqual(deliveries, [{ client: 'brand', ok: true }]);
      assert.equal((await me(alice, app)).status, 401);
      assert.equal((await names).at(-1), 'logged_out');
      assert.equal((await me(bob, app)).status, 200, 'the other customer stays signed in');
      assert.equal((await alice.request(`${app.url}/events`)).status, 401);
      // Signing in again works at once.
      const again = await signIn(app, 'alice');
      assert.equal((await me(again, app)).status, 200);
      assert.equal(await app.stop(), 0, app.errors);
    });
  }

  test(`${name} takes tokens without sid and pairwise subjects`, async () => {
    const { op, app, deliveries } = await pair(name, {
      client: { backchannel_logout_session_required: false },
      provider: { pairwise: true },
    });
    const alice = await signIn(app, 'alice');
    const bob = await signIn(app, 'bob');
    assert.equal((await me(alice, app)).body.sub, 'pairwise-alice-brand');
    await endSession(alice, op);
    assert.deepEqual(deliveries, [{ client: 'brand', ok: true }]);
    assert.equal((await me(alice, app)).status, 401);
    assert.equal((await me(bob, app)).status, 200);
  });

  test(`${name} is a public client when it has no secret`, async () => {
    const { op, app, deliveries } = await pair(name, { secret: '' });
    const alice = await signIn(app, 'alice');
    await endSession(alice, op);
    assert.deepEqual(deliveries, [{ client: 'brand', ok: true }]);
    assert.equal((await me(alice, app)).status, 401);
  });

  test(`${name} follows its contract`, async () => {
    const { op, app } = await pair(name);
    const anonymous = new Agent();
    assert.equal((await anonymous.request(`${app.url}/`)).status, 200);
    assert.equal((await anonymous.request(`${app.url}/me`)).status, 401);
    assert.equal((await anonymous.request(`${app.url}/events`)).status, 401);
    const login = await anonymous.request(`${app.url}/login`);
    assert.equal(login.status, 302);
    const authorization = new URL(login.headers.get('location'));
    assert.equal(authorization.origin, op.issuer);
    assert.equal(authorization.searchParams.get('code_challenge_method'), 'S256');
    assert.ok(authorization.searchParams.get('state') && authorization.searchParams.get('nonce'));
    assert.equal((await anonymous.request(`${app.url}/backchannel-logout`)).status, 405);
    const refused = await anonymous.request(`${app.url}/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: 'x' }),
    });
    assert.equal(refused.status, 400);
    assert.equal((await refused.json()).error, 'invalid_request');

    // A local logout ends this session alone.
    const alice = await signIn(app, 'alice');
    const elsewhere = await signIn(app, 'alice');
    const out = await alice.request(`${app.url}/logout`, { method: 'POST', headers: { origin: app.url } });
    assert.ok(out.status < 400, `${out.status}`);
    assert.equal((await me(alice, app)).status, 401);
    assert.equal((await me(elsewhere, app)).status, 200);

    // An open stream does not keep it from ending.
    const stream = await elsewhere.request(`${app.url}/events`);
    assert.equal(stream.status, 200);
    const rest = eventNames(stream).catch(() => []);
    assert.equal(await app.stop(), 0, app.errors);
    await rest;
  });

  test(`${name} starts while the provider is down and works once it is up`, async () => {
    const gone = await reserve();
    await gone.close();
    const app = await start(name, ['--issuer', gone.issuer, '--client-id', 'brand', '--listen', '127.0.0.1:0']);
    running.push(app);
    assert.equal((await fetch(`${app.url}/login`, { redirect: 'manual' })).status, 503);
    assert.equal((await fetch(app.url)).status, 200);

    const op = await reserve(gone.port);
    running.push({ stop: () => op.close().catch(() => {}) });
    const deliveries = op.serve([registration(app)]);
    const alice = await signIn(app, 'alice');
    await endSession(alice, op);
    assert.deepEqual(deliveries, [{ client: 'brand', ok: true }]);
    assert.equal((await me(alice, app)).status, 401);
  });

  test(`${name} refuses a store it was not built with, and flags it does not know`, async () => {
    for (const flags of [['--store', 'nonsense'], ['--no-such-flag']]) {
      await assert.rejects(start(name, ['--issuer', 'http://127.0.0.1:1', '--client-id', 'brand', ...flags]), /ended with [1-9]/);
    }
  });
}
