// The example apps against `better-auth`: a provider of another make, with its own login, keys and Logout Tokens.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { eventNames, start } from '../lib/app.mjs';
import { betterAuthProvider } from '../lib/better-auth.mjs';
import { Agent } from '../lib/browser.mjs';
import { me } from '../lib/journey.mjs';
import { read, relay } from '../lib/relay.mjs';

const running = [];
after(async () => {
  for (const thing of running) await thing.stop();
});

// A provider and an app that know each other, and what went between them.
async function pair(name, alg) {
  const op = await betterAuthProvider(alg, ['alice', 'bob']);
  running.push({ stop: () => op.close() });
  const app = await start(name, ['--issuer', op.issuer, '--client-id', 'brand', '--listen', '127.0.0.1:0', '--alg', alg]);
  const between = await relay();
  running.push(app, between);
  between.to(`${app.url}/backchannel-logout`);
  await op.register({ clientId: 'brand', redirectUri: `${app.url}/callback`, logoutUri: between.url });
  return { op, app, between };
}

async function signIn(op, app, customer) {
  const agent = new Agent();
  const page = await agent.visit(`${app.url}/login`);
  const home = await agent.visit(await op.signIn(agent, page, customer));
  assert.ok(home.status === 200 && home.url.startsWith(app.url), `${home.url}: ${home.status} ${home.text.slice(0, 300)}`);
  return agent;
}

for (const name of ['axum_app', 'hyper_app']) {
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    test(`${name} is signed out by the delivery of better-auth, ${alg}`, async () => {
      const { op, app, between } = await pair(name, alg);
      const alice = await signIn(op, app, 'alice');
      const elsewhere = await signIn(op, app, 'alice');
      const bob = await signIn(op, app, 'bob');
      const { iss, sub, sid } = (await me(alice, app)).body;
      assert.deepEqual([iss, sub], [op.issuer, op.ids.alice]);
      const names = eventNames(await alice.request(`${app.url}/events`));

      await op.signOut(alice);

      assert.deepEqual(between.seen.map(({ status }) => status), [200]);
      const { header, claims } = read(between.seen[0].token);
      assert.deepEqual([header.typ, header.alg], ['logout+jwt', alg]);
      assert.deepEqual([claims.iss, claims.aud, claims.sub, claims.sid], [iss, 'brand', sub, sid]);
      assert.equal((await me(alice, app)).status, 401);
      assert.equal((await names).at(-1), 'logged_out');
      assert.equal((await me(elsewhere, app)).status, 200, 'the session of another browser has another sid');
      assert.equal((await me(bob, app)).status, 200, 'the other customer stays signed in');
      assert.deepEqual(op.log, []);
      assert.equal((await me(await signIn(op, app, 'alice'), app)).status, 200, 'signing in again works at once');
    });
  }

  test(`${name} is told of every session when better-auth ends them all`, async () => {
    const { op, app, between } = await pair(name, 'ES256');
    const alices = [await signIn(op, app, 'alice'), await signIn(op, app, 'alice')];
    const bob = await signIn(op, app, 'bob');
    await op.revokeSessions(alices[0]);
    assert.deepEqual(between.seen.map(({ status }) => status), [200, 200]);
    for (const alice of alices) assert.equal((await me(alice, app)).status, 401);
    assert.equal((await me(bob, app)).status, 200, 'the other customer stays signed in');
    assert.deepEqual(op.log, []);
  });
}
