// What careful clients use beyond the code flow, with openid-client: pushed requests, a key instead of a secret, proofs of
// possession, signed requests and responses, refreshing, revocation, introspection.
//
//   ADVANCED='{"issuer", "account", "client": {…, "private_jwk": {…}}}' node advanced.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { Browser } from "./browser.mjs";

const { issuer, account, client } = JSON.parse(process.env.ADVANCED);

const algorithm = { name: "ECDSA", namedCurve: "P-256" };
const key = await crypto.subtle.importKey("jwk", client.private_jwk, algorithm, false, ["sign"]);
const signingKey = { key, kid: client.private_jwk.kid };

async function discover() {
  const configuration = await oidc.discovery(
    new URL(issuer),
    client.client_id,
    { id_token_signed_response_alg: "RS256", authorization_signed_response_alg: "ES256" },
    oidc.PrivateKeyJwt(signingKey),
    { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks, oidc.useJwtResponseMode] },
  );
  return configuration;
}

async function signIn(browser, url) {
  let step = await browser.open(url, client.redirect_uri);
  while (!step.left) {
    assert.equal(step.status, 200, `${step.url} (${step.title})`);
    const path = step.url.pathname;
    const values = { "/users/start-sign-in": { login: account.email }, "/users/sign-in": { password: account.password } };
    step = await browser.submit(step, path, values[path] ?? {}, client.redirect_uri);
  }
  return step.left;
}

test("everything at once", async () => {
  const configuration = await discover();
  const browser = new Browser();
  const DPoP = oidc.getDPoPHandle(configuration, await oidc.randomDPoPKeyPair("ES256"));
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const signed = await oidc.buildAuthorizationUrlWithJAR(
    configuration,
    {
      redirect_uri: client.redirect_uri,
      scope: client.scope,
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
    },
    signingKey,
  );
  const url = await oidc.buildAuthorizationUrlWithPAR(configuration, signed.searchParams, { DPoP });
  assert.match(url.searchParams.get("request_uri"), /^urn:ietf:params:oauth:request_uri:/);

  const response = await signIn(browser, url);
  assert.ok(response.searchParams.get("response"), "the response is a JWT");
  const tokens = await oidc.authorizationCodeGrant(configuration, response, checks, undefined, { DPoP });
  assert.equal(tokens.token_type, "dpop");
  const { sub } = tokens.claims();
  const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, sub, { DPoP });
  assert.equal(userinfo.email, account.email);

  const fresh = await oidc.refreshTokenGrant(configuration, tokens.refresh_token, undefined, { DPoP });
  assert.equal(fresh.claims().sub, sub);
  const introspection = await oidc.tokenIntrospection(configuration, fresh.access_token);
  assert.equal(introspection.active, true);
  assert.equal(introspection.cnf.jkt.length, 43);

  await oidc.tokenRevocation(configuration, fresh.refresh_token);
  const after = await oidc.tokenIntrospection(configuration, fresh.access_token);
  assert.equal(after.active, false);
});
