// The example apps against an older major version of `oidc-provider`: its tokens have no `exp` (BCL-106).

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import Provider from 'oidc-provider-7';

import { start } from '../lib/app.mjs';
import { endSession, me, registration, signIn } from '../lib/journey.mjs';
import { reserve } from '../lib/provider.mjs';
import { read, relay } from '../lib/relay.mjs';

const running = [];
after(async () => {
  for (const thing of running) await thing.stop();
});

for (const name of ['axum_app', 'hyper_app']) {
  for (const alg of ['RS256', 'ES256']) {
    test(`${name} takes the tokens of an older provider, without exp, ${alg}`, async () => {
      const op = await reserve(0, Provider);
      running.push({ stop: () => op.close() });
      const app = await start(name, ['--issuer', op.issuer, '--client-id', 'brand', '--listen', '127.0.0.1:0', '--alg', alg]);
      const between = await relay();
      running.push(app, between);
      between.to(`${app.url}/backchannel-logout`);
      const client = { ...registration(app), id_token_signed_response_alg: alg, backchannel_logout_uri: between.url };
      const deliveries = op.serve([client]);

      const alice = await signIn(app, 'alice');
      const elsewhere = await signIn(app, 'alice');
      const bob = await signIn(app, 'bob');
      const { sid } = (await me(alice, app)).body;
      await endSession(alice, op);

      assert.deepEqual(deliveries, [{ client: 'brand', ok: true }]);
      const [{ token, status }] = between.seen;
      assert.equal(status, 200);
      const { header, claims } = read(token);
      assert.deepEqual([header.typ, header.alg], ['logout+jwt', alg]);
      assert.deepEqual([claims.exp, claims.sid, claims.sub], [undefined, sid, 'alice']);
      assert.equal((await me(alice, app)).status, 401);
      assert.equal((await me(elsewhere, app)).status, 200, 'the session of another browser has another sid');
      assert.equal((await me(bob, app)).status, 200, 'the other customer stays signed in');
    });
  }
}
