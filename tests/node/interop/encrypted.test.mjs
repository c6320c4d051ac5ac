// Encrypted Logout Tokens from `oidc-provider` (feature `jwe`, BCL-60 to BCL-62). The login library of the apps cannot open
// encrypted ID Tokens, so customers sign in there before the operator turns encryption on; after that the test signs in itself.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { compactDecrypt, importJWK } from 'jose';

import { start } from '../lib/app.mjs';
import { Agent } from '../lib/browser.mjs';
import { atLogin, endSession, me, registration, signIn } from '../lib/journey.mjs';
import { reserve } from '../lib/provider.mjs';
import { read, relay } from '../lib/relay.mjs';

const secret = 'a-secret-of-at-least-thirty-two-bytes!';
const folder = mkdtempSync(join(tmpdir(), 'interop-keys-'));
const running = [];
after(async () => {
  for (const thing of running) await thing.stop();
  rmSync(folder, { recursive: true, force: true });
});

const pairs = {
  rsa: (alg) => generateKeyPairSync('rsa', { modulusLength: 2048 }, alg),
  ec: (alg) => generateKeyPairSync('ec', { namedCurve: 'P-256' }, alg),
};

// A key of the app: the private half for its file, the public half for its registration.
function key(kty, alg) {
  const { privateKey, publicKey } = pairs[kty](alg);
  const names = { use: 'enc', alg, kid: 'for-us' };
  return { own: { ...privateKey.export({ format: 'jwk' }), ...names }, published: { ...publicKey.export({ format: 'jwk' }), ...names } };
}

// The key of `dir` comes from the client secret (Core 10.2); `client-secret` is what the app's flag calls it.
function fromSecret() {
  return { own: { kty: 'oct', k: createHash('sha256').update(secret).digest('base64url') } };
}

const wanted = [
  { alg: 'RSA-OAEP-256', enc: 'A256GCM', make: () => key('rsa', 'RSA-OAEP-256') },
  { alg: 'RSA-OAEP', enc: 'A128CBC-HS256', make: () => key('rsa', 'RSA-OAEP') },
  { alg: 'ECDH-ES', enc: 'A256GCM', make: () => key('ec', 'ECDH-ES') },
  { alg: 'dir', enc: 'A256GCM', make: fromSecret },
];

// An app with a decryption key, and a provider that does not encrypt for it yet.
async function pair(name, { own, published }) {
  const op = await reserve();
  running.push({ stop: () => op.close() });
  let keys = 'client-secret';
  if (published) {
    keys = join(folder, `${randomBytes(8).toString('hex')}.json`);
    writeFileSync(keys, JSON.stringify({ keys: [own] }));
  }
  const app = await start(name, [
    '--issuer', op.issuer, '--client-id', 'brand', '--client-secret', secret, '--listen', '127.0.0.1:0', '--decryption-keys', keys,
  ]);
  const between = await relay();
  running.push(app, between);
  between.to(`${app.url}/backchannel-logout`);
  const plain = { ...registration(app), client_secret: secret, backchannel_logout_uri: between.url };
  plain.redirect_uris.push(`${app.url}/elsewhere`);
  const deliveries = op.serve([]);
  await op.register(plain);
  return { op, app, between, deliveries, plain };
}

// What is registered for encrypted tokens.
const encrypted = ({ alg, enc }, { published }) => ({
  id_token_encrypted_response_alg: alg,
  id_token_encrypted_response_enc: enc,
  ...(published ? { jwks: { keys: [published] } } : {}),
});

// The test as a relying party: code flow with PKCE. Answers the ID Token as it came.
async function signInHere(op, app, customer) {
  const agent = new Agent();
  const verifier = randomBytes(32).toString('base64url');
  const redirect_uri = `${app.url}/elsewhere`;
  const query = new URLSearchParams({
    client_id: 'brand', response_type: 'code', scope: 'openid', redirect_uri, state: 'state', nonce: 'nonce',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  const page = await atLogin(agent, await agent.visit(`${op.issuer}/auth?${query}`), customer);
  const code = new URL(page.url).searchParams.get('code');
  const answer = await fetch(`${op.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`brand:${encodeURIComponent(secret)}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier }),
  });
  const tokens = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(tokens));
  return { agent, idToken: tokens.id_token };
}

// Opens a token with somebody else's implementation.
async function open(token, { own }, { alg, enc }) {
  const opened = await compactDecrypt(token, await importJWK(own, alg));
  assert.deepEqual([opened.protectedHeader.alg, opened.protectedHeader.enc], [alg, enc]);
  return read(Buffer.from(opened.plaintext).toString());
}

function assertRefused({ status, text }, error_description) {
  assert.equal(status, 400);
  assert.deepEqual(JSON.parse(text), { error: 'invalid_request', error_description });
}

for (const name of ['axum_app', 'hyper_app']) {
  for (const kind of wanted) {
    test(`${name} opens encrypted Logout Tokens, ${kind.alg} with ${kind.enc}`, async () => {
      const ours = kind.make();
      const { op, app, between, deliveries, plain } = await pair(name, ours);
      const alice = await signIn(app, 'alice');
      const bob = await signIn(app, 'bob');
      const { sid } = (await me(alice, app)).body;
      await op.register({ ...plain, ...encrypted(kind, ours) });

      await endSession(alice, op);

      assert.deepEqual(deliveries, [{ client: 'brand', ok: true }]);
      assert.equal(between.seen[0].status, 200);
      assert.equal(between.seen[0].token.split('.').length, 5, 'it is encrypted');
      const { header, claims } = await open(between.seen[0].token, ours, kind);
      assert.deepEqual([header.typ, header.alg, claims.sid], ['logout+jwt', 'RS256', sid]);
      assert.equal((await me(alice, app)).status, 401);
      assert.equal((await me(bob, app)).status, 200, 'the other customer stays signed in');

      // The same key opens ID Tokens, and the session of such a login is delivered too.
      const carol = await signInHere(op, app, 'carol');
      const login = (await open(carol.idToken, ours, kind)).claims;
      await endSession(carol.agent, op);
      assert.deepEqual(deliveries.slice(1), [{ client: 'brand', ok: true }]);
      assert.equal((await open(between.seen[1].token, ours, kind)).claims.sid, login.sid);
      assert.equal((await me(bob, app)).status, 200);
    });
  }

  test(`${name} with a decryption key refuses a token that is not encrypted`, async () => {
    const { op, app, between, deliveries } = await pair(name, key('rsa', 'RSA-OAEP-256'));
    const alice = await signIn(app, 'alice');
    await endSession(alice, op);
    assert.deepEqual(deliveries.map(({ ok }) => ok), [false]);
    // `encryption_required`
    assertRefused(between.seen[0], 'the token is not encrypted');
    assert.equal((await me(alice, app)).status, 200);
  });

  test(`${name} refuses a token that was encrypted to another key`, async () => {
    const [kind] = wanted;
    const { op, app, between, deliveries, plain } = await pair(name, kind.make());
    const alice = await signIn(app, 'alice');
    await op.register({ ...plain, ...encrypted(kind, kind.make()) });
    await endSession(alice, op);
    assert.deepEqual(deliveries.map(({ ok }) => ok), [false]);
    // `decryption_failed`
    assertRefused(between.seen[0], 'the token cannot be decrypted');
    assert.equal((await me(alice, app)).status, 200);
  });

  test(`${name} does not start with keys it cannot use`, async () => {
    const flags = ['--issuer', 'http://127.0.0.1:1', '--client-id', 'brand', '--listen', '127.0.0.1:0', '--decryption-keys'];
    const file = join(folder, 'public.json');
    writeFileSync(file, JSON.stringify({ keys: [key('rsa', 'RSA-OAEP-256').published] }));
    await assert.rejects(start(name, [...flags, file]), /decryption_keys/);
    await assert.rejects(start(name, [...flags, join(folder, 'missing.json')]), /--decryption-keys .*missing\.json/);
    await assert.rejects(start(name, [...flags, 'client-secret']), /--client-secret is missing/);
  });
}
